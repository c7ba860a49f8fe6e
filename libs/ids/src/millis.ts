import type { Brand } from './brand.js';

/** A duration in milliseconds: finite, not negative. */
export type Millis = Brand<number, 'Millis'>;

/** Throws RangeError for a negative, infinite or NaN duration: those are programming mistakes, never input. */
export function millis(value: number): Millis {
  if (!Number.isFinite(value) || value < 0) throw new RangeError(`not a duration in milliseconds: ${value}`);
  return value as Millis;
}
