// All faults with one shape: a client, one failure, one outcome. Longer stories have specs of their own.

import { computeFaults } from './compute-faults.js';
import { dnsFaults } from './dns-faults.js';
import type { Fault } from './fault.js';
import { wakeFaults } from './wake-faults.js';

export { type Expected, type Fault, type Range, graceMs, shortDeadlineMs } from './fault.js';

export interface FaultGroup {
  readonly title: string;
  readonly faults: readonly Fault[];
}

export const matrix: readonly FaultGroup[] = [
  { title: 'The name of the compute', faults: dnsFaults },
  { title: 'Wake-service answers with', faults: wakeFaults },
  { title: 'The compute', faults: computeFaults },
];
