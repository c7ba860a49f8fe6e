export type { ComputeConnection, ComputeLogin, PgDialOptions } from './pg-dial.js';
export { createPgDial } from './pg-dial.js';
export { type CancelTarget, sendCancel } from './send-cancel.js';
export { classifyDialError } from './classify.js';
