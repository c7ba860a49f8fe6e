export {
  type ScramKeys,
  type ScramVerifier,
  checkPassword,
  deriveVerifier,
  fitVerifier,
  formatVerifier,
  makeMockVerifier,
  parseVerifier,
} from './scram-verifier.js';
export type { ScramViolation } from './scram-messages.js';
export {
  type ScramChallenge,
  type ScramChoice,
  type ScramMechanism,
  type ScramServer,
  type ScramVerdict,
  createScramServer,
  offerMechanisms,
} from './scram-server.js';
export { hashForBinding } from './channel-binding.js';
export { type ScramClient, type ScramCredential, createScramClient } from './scram-client.js';
export { type ClaimSources, type EndpointClaim, identify } from './identify.js';
export { type EndpointPassword, parseEndpointPassword } from './endpoint-password.js';
