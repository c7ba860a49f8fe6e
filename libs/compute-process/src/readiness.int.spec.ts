import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { watchReadiness } from './readiness.js';

const directory = mkdtempSync(join(tmpdir(), 'pgwake-readiness-'));
const file = (pid: number, status: string): void =>
  writeFileSync(join(directory, 'postmaster.pid'), `${pid}\n/data\n1764000000\n5432\n/run\n\n1 2\n${status}\n`);
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe('watchReadiness', () => {
  it('does not believe the file of a crashed postmaster, and sees the word of the right one', async () => {
    file(4711, 'ready   ');
    let calls = 0;
    const ready = new Promise<void>((resolve) => {
      watchReadiness(
        directory,
        () => 4712,
        () => {
          calls += 1;
          resolve();
        },
      );
    });
    file(4711, 'ready   ');
    file(4712, 'starting');
    expect(calls).toBe(0);
    file(4712, 'ready   ');
    await ready;
    expect(calls).toBe(1);
  });
});
