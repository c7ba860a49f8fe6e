export type { ComputeConnection } from './compute-connection.js';
export { type ComputeNetwork, type ComputeNetworkSettings, createComputeNetwork } from './compute-network.js';
export { DialAhead, type DialAheadResult } from './dial-ahead.js';
export type { ComputeStartup } from './login.js';
export type { ComputeLogin } from './pg-dial.js';
export { createPgDial } from './pg-dial.js';
export { type ProbeResult, probeCompute } from './probe-compute.js';
export { type CancelTarget, sendCancel } from './send-cancel.js';
