/** Chance that repeats itself: the same numbers for the same seed, on every machine. */
export interface Random {
  /** A whole number from 0 to `limit` - 1; 0 for a limit below 1. */
  below(limit: number): number;
  oneOf<T>(choices: readonly T[]): T;
}

/** Mulberry32: small, fast, and good enough to choose what to break. Never for anything secret. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;

  function next(): number {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  const below = (limit: number): number => (limit < 1 ? 0 : next() % Math.floor(limit));
  return {
    below,
    oneOf(choices) {
      const choice = choices[below(choices.length)];
      if (choice === undefined) throw new RangeError('nothing to choose from');
      return choice;
    },
  };
}
