export { CachedNode, type DialableNode, FreshNode, type NodeInfo, SuspectNode } from './node.js';
export type {
  Clock,
  DialAttempt,
  DialFailure,
  DialOutcome,
  Mechanism,
  NodeCachePort,
  Random,
  WakePort,
} from './ports.js';
