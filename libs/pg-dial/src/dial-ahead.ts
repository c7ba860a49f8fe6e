// A login begun ahead of its journey, while the client still computes its proof: see docs/adr/0015-computes-are-dialled-ahead.md.
// The journey's first dial to the same compute goes on with it. Whatever is wrong with it is nobody's business: that dial
// begins anew, as if nothing had been. It never uses keys, and never outlives its client's login.

import { isDeepStrictEqual } from 'node:util';
import type { DialAttempt, HeadStart, NodeInfo } from '@pgwake/connect-core';
import { type BegunLogin, beginLogin } from './begin-login.js';
import type { ComputeNetwork } from './compute-network.js';
import type { ComputeStartup } from './login.js';

/** `unused`: the client did not prove itself in time, or its journey led elsewhere. `failed`: the compute did not answer it. */
export type DialAheadResult = 'used' | 'unused' | 'failed';

export class DialAhead {
  readonly #headStart: HeadStart;
  readonly #stop = new AbortController();
  readonly #timer: NodeJS.Timeout;
  /** Resolves to `undefined` when it failed. */
  readonly #begun: Promise<BegunLogin | undefined>;
  #result: DialAheadResult = 'unused';
  #over = false;

  /** Begins at once. */
  constructor(headStart: HeadStart, startup: ComputeStartup, network: ComputeNetwork) {
    this.#headStart = headStart;
    this.#timer = setTimeout(() => this.close(), headStart.limitMs);
    const attempt = { signal: this.#stop.signal, onServerByte: () => undefined };
    this.#begun = beginLogin(headStart.node, startup, network, attempt).catch(() => {
      if (!this.#stop.signal.aborted) this.#result = 'failed';
      return undefined;
    });
  }

  get result(): DialAheadResult {
    return this.#result;
  }

  /**
   * Logs in over it, by `finish`, if it leads to this node and nobody has done so before. `undefined`: there is nothing to go on
   * with, and nothing is left open. Never rejects.
   */
  async goOn<T>(
    node: NodeInfo,
    attempt: DialAttempt,
    finish: (begun: BegunLogin) => Promise<T>,
  ): Promise<T | undefined> {
    if (this.#over || attempt.signal.aborted || !isSameCompute(this.#headStart.node, node)) return undefined;
    this.#leave();
    const callOff = () => this.#stop.abort(attempt.signal.reason);
    attempt.signal.addEventListener('abort', callOff, { once: true });
    try {
      const begun = await this.#begun;
      const finished = begun && (await finish(begun));
      if (finished !== undefined) this.#result = 'used';
      return finished;
    } catch {
      this.#result = 'failed';
      return undefined;
    } finally {
      attempt.signal.removeEventListener('abort', callOff);
    }
  }

  /** Ends it, unless its journey has gone on with it. As often as one likes. */
  close(): void {
    if (this.#over) return;
    this.#leave();
    this.#stop.abort();
    void this.#begun.then((begun) => begun?.socket.destroy());
  }

  /** Its journey has it, or nobody: either way it takes no place among the dials ahead any more. */
  #leave(): void {
    this.#over = true;
    clearTimeout(this.#timer);
    this.#headStart.end();
  }
}

function isSameCompute(a: NodeInfo, b: NodeInfo): boolean {
  if (a.generation !== b.generation) return false;
  return isDeepStrictEqual(a.address, b.address) && isDeepStrictEqual(a.identity, b.identity);
}
