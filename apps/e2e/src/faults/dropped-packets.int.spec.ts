// A cached compute whose packets are dropped on the way, in a network namespace: where that may be made, otherwise skipped. The
// matrix has the same fault by a listener whose queue is full, which works everywhere.

import { execFile, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from '@jest/globals';
import type { DroppedPackets } from './dropped-packets.js';
import { graceMs } from './fault.js';

const run = promisify(execFile);
const namespace = ['--map-root-user', '--net'];
const program = fileURLToPath(new URL('../../dist/faults/dropped-packets.js', import.meta.url));
const layWire = ['ip', 'link', 'add', 'wire', 'type', 'veth', 'peer', 'name', 'nowhere'];
const mayHaveOne = spawnSync('unshare', [...namespace, ...layWire]).status === 0;
if (!mayHaveOne) process.stderr.write('skipped: no network namespaces with wires here\n');

(mayHaveOne ? it : it.skip)(
  'a compute behind a dead wire is given up after 1.5 s, and the next generation serves',
  async () => {
    const env = { ...process.env, NODE_OPTIONS: '' };
    const { stdout } = await run('unshare', [...namespace, process.execPath, program], { env });
    const { attempt, journey, nextName, repeatedSyns } = JSON.parse(stdout) as DroppedPackets;
    expect(repeatedSyns).toBeGreaterThanOrEqual(1);
    expect(attempt).toMatchObject({ kind: 'served', by: nextName });
    expect(journey).toMatchObject({ dialAttempts: 2, wakeAttempts: 1 });
    expect(journey.steps).toContain('dial 1 of cached failed (COMPUTE_DIAL_TIMEOUT: replace)');
    expect(Math.ceil(attempt.tookMs)).toBeGreaterThanOrEqual(1_500);
    expect(attempt.tookMs).toBeLessThan(1_500 + graceMs);
  },
);
