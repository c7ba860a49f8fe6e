export { CancelKeys, secretBytesOf } from './cancel-keys.js';
export { type KeyName, keyOf, nameOf } from './key-name.js';
export type { CancelTarget } from './cancel-target.js';
export { SharedCancelKeys, type SharedCancelKeysDeps, type SharedCancelKeysSettings } from './shared-cancel-keys.js';
