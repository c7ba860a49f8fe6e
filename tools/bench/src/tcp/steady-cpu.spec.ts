import { describe, expect, it } from '@jest/globals';
import { SteadyCpu } from './steady-cpu.ts';

const progress = (seconds: number, tps: number): string =>
  `progress: ${seconds.toFixed(1)} s, ${tps.toFixed(1)} tps, lat 0.532 ms stddev 0.101, 0 failed\n`;

/** Each reading of the CPU takes the next of these. */
function createCpu(...readings: number[]): SteadyCpu {
  return new SteadyCpu(() => readings.shift() ?? NaN);
}

describe('the CPU of a transaction', () => {
  it('counts from the first second reported to the last', () => {
    const cpu = createCpu(5, 5.25, 5.75);
    cpu.take(progress(1, 99_000));
    cpu.take(progress(2, 10_000) + progress(3, 20_000));
    expect(cpu.usPerTransaction).toBeCloseTo(25, 9);
  });

  it('goes by the time between two reports, which is not always a second', () => {
    const cpu = createCpu(0, 0.3);
    cpu.take(progress(1, 10_000) + progress(2.5, 10_000));
    expect(cpu.usPerTransaction).toBeCloseTo(20, 9);
  });

  it('is the same however the lines are cut, and whatever else is said', () => {
    const cpu = createCpu(0, 0.1);
    const said = `pgbench (15.18)\nstarting vacuum...end.\n${progress(1, 1_000)}${progress(2, 5_000)}pgbench: done`;
    for (const letter of said) cpu.take(letter);
    expect(cpu.usPerTransaction).toBeCloseTo(20, 9);
  });

  it('is unknown after less than two reports', () => {
    const cpu = createCpu(1, 2);
    expect(cpu.usPerTransaction).toBeUndefined();
    cpu.take(progress(1, 10_000));
    expect(cpu.usPerTransaction).toBeUndefined();
  });
});
