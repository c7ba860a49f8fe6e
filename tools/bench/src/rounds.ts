// Measuring round by round: what is compared is measured in turn, so that a machine that slows down slows down all of it.

import { medianOf } from './statistics.ts';

/** Each begins a round as often as the others, so that none always runs in the wake of the same other one. */
export function inTurn<T>(all: readonly T[], round: number): T[] {
  const first = round % all.length;
  return [...all.slice(first), ...all.slice(0, first)];
}

/**
 * The median over the rounds of what `compare` makes of a sample and the other one of the same round. Undefined when no round
 * has both, or has both figures.
 */
export function compareWithinRounds<Sample extends { readonly round: number }>(
  samples: readonly Sample[],
  others: readonly Sample[],
  compare: (sample: Sample, other: Sample) => number | undefined,
): number | undefined {
  return medianOf(
    samples.map((sample) => {
      const other = others.find(({ round }) => round === sample.round);
      return other && compare(sample, other);
    }),
  );
}

/** Undefined when a figure is missing. */
export function ratioOf(figure: number | undefined, other: number | undefined): number | undefined {
  return figure === undefined || other === undefined ? undefined : figure / other;
}

export interface RoundsOptions {
  readonly rounds: number;
  /** Run before them and forgotten: the first rounds find cold caches in the machine, and code that was not compiled yet. */
  readonly discarded: number;
  readonly onRound: (done: number) => void;
}

/** What the ways gave in each round, by its name. Each way gives some of the names, and always the same ones. */
export async function collectRounds<Name extends string>(
  names: readonly Name[],
  ways: readonly (() => Promise<Partial<Record<Name, number>>>)[],
  { rounds, discarded, onRound }: RoundsOptions,
): Promise<Record<Name, number[]>> {
  const samples = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, number[]>;
  for (let round = -discarded; round < rounds; round++) {
    for (const way of inTurn(ways, round + discarded)) {
      const values = await way();
      if (round < 0) continue;
      for (const name of names) {
        const value = values[name];
        if (value !== undefined) samples[name].push(value);
      }
    }
    if (round >= 0) onRound(round + 1);
  }
  return samples;
}
