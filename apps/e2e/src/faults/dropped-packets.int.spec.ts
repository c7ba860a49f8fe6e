// A cached compute whose packets are dropped on the way, in a network namespace: where that may be made, otherwise skipped. The
// matrix has the same fault by a listener whose queue is full, which works everywhere.

import { expect, it } from '@jest/globals';
import type { DroppedPackets } from './dropped-packets.js';
import { graceMs } from './fault.js';
import { mayHaveNamespace, playInNamespace } from './in-namespace.js';

(mayHaveNamespace() ? it : it.skip)(
  'a compute behind a dead wire is given up after 1.5 s, and the next generation serves',
  async () => {
    const told = (await playInNamespace('dropped-packets.js')) as DroppedPackets;
    const { attempt, journey, nextName, repeatedSyns } = told;
    expect(repeatedSyns).toBeGreaterThanOrEqual(1);
    expect(attempt).toMatchObject({ kind: 'served', by: nextName });
    expect(journey).toMatchObject({ dialAttempts: 2, wakeAttempts: 1 });
    expect(journey.steps).toContain('dial 1 of cached failed (COMPUTE_DIAL_TIMEOUT: replace)');
    expect(Math.ceil(attempt.tookMs)).toBeGreaterThanOrEqual(1_500);
    expect(attempt.tookMs).toBeLessThan(1_500 + graceMs);
  },
);
