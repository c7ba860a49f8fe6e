export type { AbortNotice } from './abort-notice.js';
export { type Connector, type ConnectorDeps, createConnector } from './connector.js';
export type { HeadStart } from './head-start.js';
export type { Journey, JourneyEvent, JourneyReport, JourneyResult, JourneyStep } from './journey.js';
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
export { classifyDialError, codeOfServerError } from './classify-dial-error.js';
export { type Backoff, type DelayBounds, jitteredMs } from './backoff.js';
export { type ConnectPolicy, defaultPolicy } from './policy.js';
export type { RetryBudgetPolicy } from './retry-budget.js';
