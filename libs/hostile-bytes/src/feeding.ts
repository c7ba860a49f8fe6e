// The ways to cut bytes into chunks. What a peer says must not depend on where the network cuts it, so every entry of a
// corpus is fed in all of these ways and has one expected outcome.

import { createRandom } from './random.js';

/** Cuts what a peer says in one turn. No chunk is empty. */
export interface Feeding {
  readonly name: string;
  cut(bytes: Uint8Array): readonly Uint8Array[];
}

export const whole: Feeding = { name: 'whole', cut: (bytes) => (bytes.length === 0 ? [] : [bytes]) };

export const byteByByte: Feeding = {
  name: 'byte by byte',
  cut: (bytes) => Array.from(bytes, (byte) => Uint8Array.of(byte)),
};

export function splitAt(offset: number): Feeding {
  return { name: `split at ${offset}`, cut: (bytes) => cutAt(bytes, [offset]) };
}

/** No reader looks further into what a peer says in one go than this; what is longer is cut near its beginning only. */
const maxLength = 16 * 1024;
const maxOffsetBeyond = 256;

/** One feeding for each place at which bytes of this length can be split in two. */
export function everySplit(length: number): readonly Feeding[] {
  const splits = length <= maxLength ? length - 1 : maxOffsetBeyond;
  return Array.from({ length: Math.max(0, splits) }, (_, index) => splitAt(index + 1));
}

/** `count` feedings with one to four cuts each: the same ones for the same seed. */
export function seededSplits(length: number, count: number, seed: number): readonly Feeding[] {
  const random = createRandom(seed);
  return Array.from({ length: count }, () => {
    const offsets = Array.from({ length: 1 + random.below(4) }, () => random.below(length)).sort((a, b) => a - b);
    return { name: `split at ${offsets.join(', ')} (seed ${seed})`, cut: (bytes: Uint8Array) => cutAt(bytes, offsets) };
  });
}

function cutAt(bytes: Uint8Array, offsets: readonly number[]): Uint8Array[] {
  const borders = [0, ...offsets, bytes.length];
  return borders.slice(1).flatMap((to, index) => {
    const chunk = bytes.subarray(borders[index], to);
    return chunk.length === 0 ? [] : [chunk];
  });
}
