import { describe, expect, it } from '@jest/globals';
import { type FuzzReport, fuzz, maxRunMs } from './fuzz.ts';
import { renderReport } from './report.ts';
import { type FuzzTarget, latin1 } from './target.ts';
import { targets } from './targets.ts';

const seed = 1;

/** A reader of three letters that does what `run` says when it meets them in the right order. */
function plant(run: (input: Uint8Array) => string, mustReach: readonly string[] = []): FuzzTarget {
  return { name: 'planted', project: 'fuzz', share: 1, seeds: [latin1('---')], words: [], run, mustReach };
}

const lettersOf = (input: Uint8Array): number => {
  const text = Buffer.from(input).toString('latin1');
  return ['b', 'bu', 'bug'].filter((start) => text.startsWith(start)).length;
};

function spin(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

describe('a short run', () => {
  const shares = targets.reduce((sum, { share }) => sum + share, 0);

  it.each(targets)('of $name reaches every state and finds nothing', async (target) => {
    const report = await fuzz(target, { runs: (100_000 * target.share) / shares, seed });
    expect(report.failure && renderReport(report)).toBeUndefined();
    expect(report.missed).toEqual([]);
  });
});

describe('the fuzzer', () => {
  it('finds a crash behind three letters, by keeping what got closer, and says how to repeat it', async () => {
    const target = plant((input) => {
      const letters = lettersOf(input);
      if (letters === 3) throw new Error('planted crash');
      return `${letters} letters`;
    });
    const report = await fuzz(target, { runs: 500_000, seed });
    expect(report.failure?.what).toContain('planted crash');
    expect(Buffer.from(report.failure?.input ?? []).toString('latin1')).toMatch(/^bug/);
    expect(renderReport(report)).toMatch(/again: npm run fuzz -- --target planted --input 627567/);
  });

  it('finds an input that takes too long every time', async () => {
    const target = plant((input) => {
      if (lettersOf(input) > 0) spin(maxRunMs + 1);
      return 'read';
    });
    expect((await fuzz(target, { runs: 10_000, seed })).failure?.what).toContain(`more than ${maxRunMs} ms`);
  });

  it('does not blame an input for a pause', async () => {
    let runs = 0;
    const target = plant(() => {
      runs += 1;
      if (runs === 10) spin(maxRunMs + 1);
      return 'read';
    });
    expect(await fuzz(target, { runs: 100, seed })).toMatchObject({ failure: undefined, runs: 100 });
    expect(runs).toBeGreaterThan(100);
  });

  it('finds memory that stays', async () => {
    let inUse = 0;
    const target = plant(() => {
      inUse += 5_000;
      return 'read';
    });
    const { failure } = await fuzz(target, { runs: 20_000, seed, measureMemory: () => inUse });
    expect(failure?.what).toBe('90000000 bytes more in use after 20000 runs');
  });

  it('reports a state that it never reached', async () => {
    const report = await fuzz(
      plant(() => 'here', ['here', 'there']),
      { runs: 100, seed },
    );
    expect(report.missed).toEqual(['there']);
    expect(renderReport(report)).toContain('MISSED: there');
  });

  it('makes the same inputs for the same seed, and others for another', async () => {
    const inputsOf = async (withSeed: number): Promise<string> => {
      const seen: string[] = [];
      const target = plant((input) => {
        seen.push(Buffer.from(input).toString('hex'));
        return `${lettersOf(input)} letters`;
      });
      const report: FuzzReport = await fuzz(target, { runs: 1_000, seed: withSeed });
      expect(report.failure).toBeUndefined();
      return seen.join();
    };
    expect(await inputsOf(1)).toBe(await inputsOf(1));
    expect(await inputsOf(1)).not.toBe(await inputsOf(2));
  });
});
