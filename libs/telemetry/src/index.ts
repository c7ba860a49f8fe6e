export { type Logger, type LoggerOptions, createLogger, errorKeys } from './logger.js';
export { type HttpMetrics, type PoolFigures, createHttpMetrics } from './http-metrics.js';
export { type ProxyMetrics, createProxyMetrics } from './proxy-metrics.js';
export { type WakeMetrics, createWakeMetrics } from './wake-metrics.js';
export { type MetricsRegistry, createRegistry } from './registry.js';
