export type { AccessPort, AuthenticationPolicy, ClearPasswordLogin, PasswordPort } from './authenticate.js';
export type { CancelResult } from './cancel-request.js';
export type { ClientTransport, Encryption, Peer, TlsOpening } from './client-transport.js';
export { LoginsAhead, type LoginsAheadDeps } from './logins-ahead.js';
export {
  type Session,
  type SessionDeps,
  type SessionFacts,
  type SessionObserver,
  type SessionOutcome,
  startSession,
} from './session.js';
export { SocketDuplex } from './socket-duplex.js';
export { type Probe, SilenceWatch, computeAddressOf } from './silence-watch.js';
export { StallWatch } from './stall-watch.js';
