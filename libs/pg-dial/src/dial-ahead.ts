// A login begun ahead of its journey, while the client still computes its proof: see docs/adr/0015-computes-are-dialled-ahead.md.
// The journey's first dial to the same compute goes on with it. Whatever is wrong with it is nobody's business: that dial
// begins anew, as if nothing had been. It never outlives its client's login.

import { isDeepStrictEqual } from 'node:util';
import type { ScramKeys } from '@pgwake/client-auth';
import type { DialAttempt, HeadStart, NodeInfo } from '@pgwake/connect-core';
import { type BegunLogin, beginLogin, finishLogin } from './begin-login.js';
import { type ComputeConnection, handOut } from './compute-connection.js';
import type { ComputeNetwork } from './compute-network.js';
import type { ComputeStartup, LoggedIn } from './login.js';

/** `unused`: the client did not prove itself in time, or its journey led elsewhere. `failed`: the compute did not answer it. */
export type DialAheadResult = 'used' | 'unused' | 'failed';

export interface LoginToBegin extends ComputeStartup {
  /** Of a login before, where they are remembered. Without them it waits at the compute's question for a proof. */
  readonly rememberedKeys: ScramKeys | undefined;
}

/** How far it got. */
interface Reached {
  readonly begun: BegunLogin;
  /** With the remembered keys. */
  readonly loggedIn: LoggedIn | undefined;
}

export class DialAhead {
  readonly #headStart: HeadStart;
  readonly #stop = new AbortController();
  readonly #timer: NodeJS.Timeout;
  /** Resolves to `undefined` when it failed. */
  readonly #reached: Promise<Reached | undefined>;
  #result: DialAheadResult = 'unused';
  #over = false;

  /** Begins at once. */
  constructor(headStart: HeadStart, login: LoginToBegin, network: ComputeNetwork) {
    this.#headStart = headStart;
    this.#timer = setTimeout(() => this.close(), headStart.limitMs);
    const attempt = { signal: this.#stop.signal, onServerByte: () => undefined };
    this.#reached = this.#begin(login, network, attempt).catch(() => {
      if (!this.#stop.signal.aborted) this.#result = 'failed';
      return undefined;
    });
  }

  get result(): DialAheadResult {
    return this.#result;
  }

  /**
   * The connection that it leads to, if it leads to this node and nobody has gone on with it before. `undefined`: there is
   * nothing to go on with, and nothing is left open. Never rejects.
   */
  async goOn(node: NodeInfo, attempt: DialAttempt, keys: ScramKeys): Promise<ComputeConnection | undefined> {
    if (this.#over || attempt.signal.aborted || !isSameCompute(this.#headStart.node, node)) return undefined;
    this.#leave();
    const callOff = () => this.#stop.abort(attempt.signal.reason);
    attempt.signal.addEventListener('abort', callOff, { once: true });
    try {
      const reached = await this.#reached;
      const connection = reached && (await this.#finish(reached, node, keys));
      this.#result = connection ? 'used' : 'failed';
      return connection;
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
    void this.#reached.then((reached) => reached?.begun.socket.destroy());
  }

  async #begin(
    { rememberedKeys, ...startup }: LoginToBegin,
    network: ComputeNetwork,
    attempt: DialAttempt,
  ): Promise<Reached> {
    const { node } = this.#headStart;
    const begun = await beginLogin(node, startup, network, attempt);
    const loggedIn = rememberedKeys && (await finishLogin(begun, rememberedKeys, node.identity));
    return { begun, loggedIn };
  }

  async #finish({ begun, loggedIn }: Reached, node: NodeInfo, keys: ScramKeys): Promise<ComputeConnection | undefined> {
    if (loggedIn === undefined) return handOut(begun, await finishLogin(begun, keys, node.identity), node);
    if (begun.stream.isQuiet) return handOut(begun, loggedIn, node);
    // Whatever it has to say since: the client asked for nothing yet.
    begun.socket.destroy();
    return undefined;
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
