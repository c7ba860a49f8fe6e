// Names of the parts that have no class of their own, for Nest's container.

export const settingsToken = Symbol('TcpProxySettings');
export const logToken = Symbol('Logger');
export const registryToken = Symbol('MetricsRegistry');
export const metricsToken = Symbol('ProxyMetrics');
export const nodeCacheToken = Symbol('OpenNodeCache');
export const wakeClientToken = Symbol('WakeClient');
