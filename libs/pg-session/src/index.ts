export type { AccessPort, AuthenticationPolicy, ClearPasswordLogin, PasswordPort } from './authenticate.js';
export type { ClientTransport, Encryption, Peer, TlsOpening } from './client-transport.js';
export {
  type CancelResult,
  type Session,
  type SessionDeps,
  type SessionFacts,
  type SessionObserver,
  type SessionOutcome,
  startSession,
} from './session.js';
export { SocketDuplex } from './socket-duplex.js';
export { StallWatch } from './stall-watch.js';
