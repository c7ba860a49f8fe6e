// The cancel keys of sessions. A client gets the compute's real pid (drivers use it with pg_terminate_backend) and a secret
// of ours; both together name the session. Keys live as long as their session and are never logged. Where proxies share a
// Redis, each finds the sessions of the others too.

import { randomBytes } from 'node:crypto';
import type { BackendKey } from '@pgwake/pg-wire';
import type { CancelTarget } from './cancel-target.js';
import { type KeyName, keyOf, nameOf } from './key-name.js';
import type { SharedCancelKeys } from './shared-cancel-keys.js';

/** As many bytes as the secret of Postgres 18 has: before protocol 3.2 there was room for four only. */
export function secretBytesOf(protocolMinor: number): number {
  return protocolMinor >= 2 ? 32 : 4;
}

export class CancelKeys {
  readonly #targets = new Map<KeyName, CancelTarget>();

  /** `shared`: the sessions of other proxies; without it only those of this one can be cancelled here. */
  constructor(private readonly shared?: SharedCancelKeys) {}

  /** Keys of sessions of this process. */
  get size(): number {
    return this.#targets.size;
  }

  /** Names the key that the client gets, its secret `secretBytes` long. To be given to {@link forget} when the session ends. */
  issue(target: CancelTarget, secretBytes: number): KeyName {
    const { pid } = keyOf(target.computeKey);
    for (;;) {
      const name = nameOf({ pid, secret: randomBytes(secretBytes) });
      // Two computes may have given the same pid; with 32 bits of chance the secrets hardly ever meet, but never both.
      if (this.#targets.has(name)) continue;
      this.#targets.set(name, target);
      return name;
    }
  }

  /** Lets the other proxies find it. Nobody waits for that. */
  share(name: KeyName): void {
    const target = this.#targets.get(name);
    if (target !== undefined) this.shared?.keep(keyOf(name), target);
  }

  /** Never rejects, and takes no longer than a call to Redis may. */
  async find(key: BackendKey): Promise<CancelTarget | undefined> {
    return this.#targets.get(nameOf(key)) ?? (await this.shared?.find(key));
  }

  forget(name: KeyName): void {
    this.#targets.delete(name);
    this.shared?.forget(keyOf(name));
  }

  close(): void {
    this.shared?.close();
  }
}
