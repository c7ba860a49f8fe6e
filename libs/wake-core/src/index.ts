export type {
  ComputeDriver,
  ComputeRef,
  RunningCompute,
  ServiceAccess,
  StartOutcome,
  StartPhases,
} from './compute-driver.js';
export type {
  Catalog,
  EndpointChange,
  NewEndpoint,
  StoredAccess,
  StoredRole,
  WakeEntry,
  WakeHistoryEntry,
  WakeReason,
} from './catalog.js';
export { crashLoop, pauseLeftMs } from './crash-loop.js';
export {
  type Availability,
  type ComputeState,
  type EndpointRecord,
  type FailedStarts,
  type Owner,
  type OwnerId,
  isSameCompute,
  runningCompute,
} from './endpoint-record.js';
export {
  type ActivitySample,
  type Idleness,
  happenedBetween,
  idleTimeLeftMs,
  isActive,
  nothingSeen,
  observeActivity,
} from './idleness.js';
export { type AdoptionStep, planAdoption } from './plan-adoption.js';
export { type ExitStep, type SuspendCause, type SuspendStep, planExit, planSuspend } from './plan-suspend.js';
export { type WakeStep, planWake } from './plan-wake.js';
export type { TokenLogin } from './token-login.js';
export {
  type RoleChange,
  type RoleVerifier,
  isReservedDatabase,
  isReservedRole,
  sameRoles,
  serviceDatabaseName,
  serviceRoleName,
  spareDatabaseName,
} from './roles.js';
