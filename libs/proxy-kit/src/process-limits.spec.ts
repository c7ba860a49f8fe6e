import { execFileSync } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';
import { planCapacity, readProcessLimits } from './process-limits.js';

const unlimited = { openFiles: undefined, memoryBytes: undefined };

describe('the capacity of a process', () => {
  it('is what was wanted where nothing limits it', () => {
    expect(planCapacity(10_000, 2, unlimited)).toEqual({ connections: 10_000, boundBy: undefined });
    expect(planCapacity(100, 2, { openFiles: 1_024, memoryBytes: 2 ** 30 })).toEqual({
      connections: 100,
      boundBy: undefined,
    });
  });

  it.each([
    [256, 2],
    [1_024, 2],
    [20_000, 2],
    [1_024, 3],
  ])('with %d files leaves room for %d per client and for everything else', (openFiles, socketsPerClient) => {
    const { connections, boundBy } = planCapacity(1_000_000, socketsPerClient, { ...unlimited, openFiles });
    expect(boundBy).toBe('openFiles');
    expect(connections).toBeGreaterThan(openFiles / 8);
    expect(connections * socketsPerClient).toBeLessThanOrEqual(openFiles - 128);
  });

  it('with little memory leaves half of it to the process', () => {
    expect(planCapacity(10_000, 2, { ...unlimited, memoryBytes: 256 * 2 ** 20 })).toEqual({
      connections: 1_024,
      boundBy: 'memory',
    });
  });

  it('for nobody is told at the start', () => {
    expect(() => planCapacity(10, 2, { ...unlimited, openFiles: 64 })).toThrow('too little for a single client');
    expect(() => planCapacity(10, 2, { ...unlimited, memoryBytes: 1_000 })).toThrow('too little for a single client');
  });
});

describe('the limits of this process', () => {
  it('are those of the system', () => {
    const ofShell = execFileSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }).trim();
    expect(String(readProcessLimits().openFiles ?? 'unlimited')).toBe(ofShell);
  });
});
