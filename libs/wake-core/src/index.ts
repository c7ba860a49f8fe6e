export type {
  ComputeDriver,
  ComputeRef,
  RunningCompute,
  ServiceAccess,
  StartOutcome,
  StartPhases,
} from './compute-driver.js';
