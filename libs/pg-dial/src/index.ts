export { type ComputeNetwork, type ComputeNetworkSettings, createComputeNetwork } from './compute-network.js';
export type { ComputeConnection, ComputeLogin } from './pg-dial.js';
export { createPgDial } from './pg-dial.js';
export { type ProbeResult, probeCompute } from './probe-compute.js';
export { type CancelTarget, sendCancel } from './send-cancel.js';
