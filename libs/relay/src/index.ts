export type { ByteDuplex, DuplexSink, OutgoingProgress } from './duplex.js';
export { isQueryOut, type SessionState } from './session-state.js';
export {
  ProtocolViolation,
  startRelay,
  type Relay,
  type RelayEnding,
  type RelayOptions,
  type SessionLoss,
} from './relay.js';
