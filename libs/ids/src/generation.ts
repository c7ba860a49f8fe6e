import type { Brand } from './brand.js';

/** How often the compute of an endpoint has been started: 1 at the first start, never goes back. */
export type Generation = Brand<number, 'Generation'>;

/** A number (or its decimal text) to a generation. `undefined` unless it is a safe integer of at least 1. */
export function parseGeneration(value: number | string): Generation | undefined {
  if (typeof value === 'string' && !/^[0-9]{1,16}$/.test(value)) return undefined;
  const number = Number(value);
  return Number.isSafeInteger(number) && number >= 1 ? (number as Generation) : undefined;
}
