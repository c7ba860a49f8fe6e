export { type PoolRequest, type SqlPool, type SqlPoolDeps, createSqlPool } from './sql-pool.js';
export type { PoolKey } from './places.js';
export type { CloseReason, PoolObserver, PooledConnection } from './ports.js';
export { type PoolSettings, defaultPoolSettings } from './settings.js';
