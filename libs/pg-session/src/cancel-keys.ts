// The cancel keys of this process' sessions. A client gets the compute's real pid (drivers use it with
// pg_terminate_backend) and a secret of ours; both together name the session. Keys live as long as their session and are
// never logged.

import { randomBytes } from 'node:crypto';
import type { NodeAddress } from '@pgwake/wake-api';

export interface BackendKey {
  readonly pid: number;
  readonly secret: Uint8Array;
}

/** Where a cancel request for a session has to go, and with which key the compute knows it. */
export interface CancelTarget {
  readonly address: NodeAddress;
  readonly backendKey: BackendKey;
}

/** As many bytes as the secret of Postgres 18 has: before protocol 3.2 there was room for four only. */
export function secretBytesOf(protocolMinor: number): number {
  return protocolMinor >= 2 ? 32 : 4;
}

export class CancelKeys {
  readonly #targets = new Map<string, CancelTarget>();

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

  find(key: BackendKey): CancelTarget | undefined {
    return this.#targets.get(nameOf(key));
  }

  forget(key: BackendKey): void {
    this.#targets.delete(nameOf(key));
  }
}

function nameOf({ pid, secret }: BackendKey): string {
  return `${pid}:${Buffer.from(secret).toString('hex')}`;
}
