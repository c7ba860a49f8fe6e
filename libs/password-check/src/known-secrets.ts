// What texts with a password in them have come to, so that the next request with the same text need not be taken apart. The
// texts are not kept: they are found again by a keyed hash, as passwords are (docs/adr/0008-passwords-of-requests.md). Only what
// was proved belongs in here: otherwise guesses would drive it out.
//
// It says what a text means, never whether it still counts.

import { createKeyedHash } from './keyed-hash.js';
import { createMemory } from './proved-memory.js';

export class KnownSecrets<T extends object> {
  readonly #memory = createMemory<T>();
  readonly #hash = createKeyedHash();

  find(text: string): T | undefined {
    return this.#memory.get(this.#hash(text));
  }

  remember(text: string, meaning: T): void {
    this.#memory.set(this.#hash(text), meaning);
  }
}
