export { type HostileCompute, computeName, hostileComputes, lengthOf } from './compute-corpus.js';
export { type Feeding, byteByByte, everySplit, seededSplits, splitAt, whole } from './feeding.js';
export { type Random, createRandom } from './random.js';
export {
  type Difference,
  type HostileClient,
  type Line,
  type Turn,
  type Verdict,
  converse,
  longestTurn,
  possibleVerdicts,
  postgresVerdict,
  withoutText,
} from './hostile-client.js';
export {
  type ClientFinalMessage,
  type ClientFirstMessage,
  clientFinalMessages,
  clientFirstMessages,
  honestClientFirst,
  scramClients,
} from './scram-corpus.js';
export { type StartupPacket, startupClients, startupPackets } from './startup-corpus.js';
