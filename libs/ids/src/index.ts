export type { Brand } from './brand.js';
export { type EndpointId, parseEndpointId } from './endpoint-id.js';
export { type Generation, parseGeneration } from './generation.js';
export { type Millis, millis } from './millis.js';
export { type RoleName, parseRoleName } from './role-name.js';
export { type SessionId, parseSessionId } from './session-id.js';
