// Makes a new input out of known ones: the usual small damages, one to four of them at a time.

import type { Random } from '@pgwake/hostile-bytes';

export interface MutationSources {
  readonly pool: readonly Uint8Array[];
  readonly words: readonly Uint8Array[];
}

/** Beyond this no reader under test behaves differently, and long inputs are slow. */
const maxInputBytes = 12_000;
const tellingBytes = [0x00, 0x01, 0x04, 0x20, 0x2c, 0x3d, 0x7f, 0x80, 0xff];
const tellingLengths = [
  0, 1, 3, 4, 5, 7, 8, 9, 12, 255, 10_004, 10_005, 0x3fff_ffff, 0x4000_0004, 0x7fff_ffff, 0x8000_0000,
];

export function mutate({ pool, words }: MutationSources, random: Random): Uint8Array {
  let input: Uint8Array = random.oneOf(pool);
  for (let count = 1 + random.below(4); count > 0; count -= 1) input = damage(input, pool, words, random);
  return input.length > maxInputBytes ? input.subarray(0, maxInputBytes) : input;
}

function damage(
  input: Uint8Array,
  pool: readonly Uint8Array[],
  words: readonly Uint8Array[],
  random: Random,
): Uint8Array {
  const at = random.below(input.length);
  const length = 1 + random.below(Math.min(8, input.length - at));
  switch (random.below(9)) {
    case 0:
      return overwrite(input, at, [(input[at] ?? 0) ^ (1 << random.below(8))]);
    case 1:
      return overwrite(input, at, [random.oneOf(tellingBytes)]);
    case 2:
      return overwrite(input, at, [random.below(256)]);
    case 3: {
      const word = random.below(4) === 0 ? input.length - at : random.oneOf(tellingLengths);
      return overwrite(input, at, [word >>> 24, word >>> 16, word >>> 8, word]);
    }
    case 4:
      return replace(input, at, length, []);
    case 5:
      return replace(input, at, 0, input.subarray(at, at + length));
    case 6:
      return words.length === 0 ? input : replace(input, at, random.below(2) * length, random.oneOf(words));
    case 7: {
      const other = random.oneOf(pool);
      return replace(input, at, input.length, other.subarray(random.below(other.length)));
    }
    default:
      return input.subarray(0, at);
  }
}

function overwrite(input: Uint8Array, at: number, bytes: readonly number[]): Uint8Array {
  const copy = Uint8Array.from(input);
  copy.set(bytes.slice(0, input.length - at), at);
  return copy;
}

function replace(input: Uint8Array, at: number, count: number, by: ArrayLike<number>): Uint8Array {
  const kept = Math.min(count, input.length - at);
  const result = new Uint8Array(input.length - kept + by.length);
  result.set(input.subarray(0, at));
  result.set(by, at);
  result.set(input.subarray(at + kept), at + by.length);
  return result;
}
