// The loop: mutate, run, and keep what reached a new state to mutate it further. The same inputs for the same seed, on every
// machine. A failure is a thrown error, a run of more than 10 ms that is slow again when repeated, or memory that stays.

import { createRandom } from '@pgwake/hostile-bytes';
import { mutate } from './mutate.ts';
import type { FuzzTarget } from './target.ts';

export interface FuzzOptions {
  readonly runs: number;
  readonly seed: number;
  /** Bytes in use after a collection of garbage; without it memory is not watched. */
  readonly measureMemory?: () => number;
}

export interface FuzzReport {
  readonly target: FuzzTarget;
  readonly runs: number;
  readonly ms: number;
  /** How often each state was reached. */
  readonly reached: ReadonlyMap<string, number>;
  /** States that should have been reached and were not. */
  readonly missed: readonly string[];
  readonly failure: FuzzFailure | undefined;
}

export interface FuzzFailure {
  readonly what: string;
  readonly input: Uint8Array;
  /** The number of the run, from 0. */
  readonly run: number;
}

export const maxRunMs = 10;
/** What caches and compiled code may take; what grows with the number of runs is far more after a hundred thousand. */
const maxGrowthBytes = 16 * 1024 * 1024;
const maxPool = 2_000;
/** Of a new state, and then of every power of two of visits: rare states stay in the pool, common ones do not flood it. */
const isWorthKeeping = (visits: number): boolean => (visits & (visits - 1)) === 0;

export async function fuzz(target: FuzzTarget, { runs, seed, measureMemory }: FuzzOptions): Promise<FuzzReport> {
  const random = createRandom(seed);
  const pool = [...target.seeds];
  const reached = new Map<string, number>();
  const begun = performance.now();
  let failure: FuzzFailure | undefined;
  let memoryBefore: number | undefined;

  for (let run = 0; run < runs && failure === undefined; run += 1) {
    // Compiled code and caches are there after a tenth of the runs.
    if (run === Math.floor(runs / 10)) memoryBefore = measureMemory?.();
    const input = run < target.seeds.length ? (target.seeds[run] ?? new Uint8Array(0)) : nextInput();
    try {
      const state = await runOnce(target, input);
      const visits = (reached.get(state) ?? 0) + 1;
      reached.set(state, visits);
      if (isWorthKeeping(visits) && pool.length < maxPool) pool.push(input);
    } catch (error) {
      failure = { what: error instanceof Error ? (error.stack ?? error.message) : String(error), input, run };
    }
  }

  const ms = performance.now() - begun;
  const grownBy = memoryBefore === undefined ? 0 : (measureMemory?.() ?? 0) - memoryBefore;
  if (grownBy > maxGrowthBytes) {
    failure ??= { what: `${grownBy} bytes more in use after ${runs} runs`, input: new Uint8Array(0), run: runs };
  }
  const missed = target.mustReach.filter((state) => !reached.has(state));
  return { target, runs, ms, reached, missed, failure };

  function nextInput(): Uint8Array {
    const mutant = mutate({ pool, words: target.words }, random);
    return target.repair !== undefined && random.below(2) === 0 ? target.repair(mutant) : mutant;
  }
}

/** Runs one input and says which state it reached. */
export async function runOnce(target: FuzzTarget, input: Uint8Array): Promise<string> {
  const before = performance.now();
  const result = target.run(input);
  const state = typeof result === 'string' ? result : await result;
  if (performance.now() - before > maxRunMs) await demandThatItWasAPause(target, input);
  return state;
}

/** A collection of garbage, or another process' turn, takes time once; a slow input takes it every time. */
async function demandThatItWasAPause(target: FuzzTarget, input: Uint8Array): Promise<void> {
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const before = performance.now();
    await target.run(input);
    if (performance.now() - before <= maxRunMs) return;
  }
  throw new Error(`takes more than ${maxRunMs} ms`);
}
