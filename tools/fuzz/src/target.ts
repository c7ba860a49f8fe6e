/** Something that reads bytes of a stranger, and what has to hold for any of them. */
export interface FuzzTarget {
  readonly name: string;
  /** The project whose code it is about. */
  readonly project: string;
  /** How many of the runs it gets, in relation to the others. */
  readonly share: number;
  /** Where mutation starts. */
  readonly seeds: readonly Uint8Array[];
  /** What means something to the reader: mutation puts it anywhere. */
  readonly words: readonly Uint8Array[];
  /** Makes a mutant pass the first check again, such as one of a length; otherwise few get beyond it. */
  readonly repair?: (input: Uint8Array) => Uint8Array;
  /**
   * Reads the input and says which state it reached. The same for the same input. Throws when something does not hold: the
   * code under test and a straightforward model disagree, or the code throws itself.
   */
  readonly run: (input: Uint8Array) => string | Promise<string>;
  /** States that have to be reached: a target that never gets anywhere finds nothing, and nobody notices. */
  readonly mustReach: readonly string[];
}

/** Throws with what was found and what the model says. */
export function demand(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what);
}

export function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

/** A number that depends on the input alone, for choosing where to cut it. */
export function hashOf(input: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of input) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
