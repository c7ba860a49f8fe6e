// The cancel keys of sessions. A client gets the compute's real pid (drivers use it with pg_terminate_backend) and a secret
// of ours; both together name the session. Keys live as long as their session and are never logged. Where proxies share a
// Redis, each finds the sessions of the others too.

import { randomBytes } from 'node:crypto';
import type { BackendKey } from '@pgwake/pg-wire';
import type { CancelTarget } from './cancel-target.js';
import type { SharedCancelKeys } from './shared-cancel-keys.js';

/** As many bytes as the secret of Postgres 18 has: before protocol 3.2 there was room for four only. */
export function secretBytesOf(protocolMinor: number): number {
  return protocolMinor >= 2 ? 32 : 4;
}

export class CancelKeys {
  readonly #targets = new Map<string, CancelTarget>();

  /** `shared`: the sessions of other proxies; without it only those of this one can be cancelled here. */
  constructor(private readonly shared?: SharedCancelKeys) {}

  /** Keys of sessions of this process. */
  get size(): number {
    return this.#targets.size;
  }

  /** Makes the key that the client gets, its secret `secretBytes` long. To be given to {@link forget} when the session ends. */
  issue(target: CancelTarget, secretBytes: number): BackendKey {
    for (;;) {
      const key = { pid: target.backendKey.pid, secret: new Uint8Array(randomBytes(secretBytes)) };
      const name = nameOf(key);
      // Two computes may have given the same pid; with 32 bits of chance the secrets hardly ever meet, but never both.
      if (this.#targets.has(name)) continue;
      this.#targets.set(name, target);
      return key;
    }
  }

  /** Lets the other proxies find it. Nobody waits for that. */
  share(key: BackendKey): void {
    const target = this.#targets.get(nameOf(key));
    if (target !== undefined) this.shared?.keep(key, target);
  }

  /** Never rejects, and takes no longer than a call to Redis may. */
  async find(key: BackendKey): Promise<CancelTarget | undefined> {
    return this.#targets.get(nameOf(key)) ?? (await this.shared?.find(key));
  }

  forget(key: BackendKey): void {
    this.#targets.delete(nameOf(key));
    this.shared?.forget(key);
  }

  close(): void {
    this.shared?.close();
  }
}

function nameOf({ pid, secret }: BackendKey): string {
  return `${pid}:${Buffer.from(secret).toString('hex')}`;
}
