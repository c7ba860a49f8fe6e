// Dials computes ahead: while a client computes its proof, its login at the compute begins, as far as that goes without keys.
// Who gets that is decided here; docs/adr/0015-computes-are-dialled-ahead.md says why.

import type { Connector } from '@pgwake/connect-core';
import type { Generation } from '@pgwake/ids';
import { type ComputeNetwork, type ComputeStartup, DialAhead, type DialAheadResult } from '@pgwake/pg-dial';
import { EarnedHeadStarts, type LoginName } from './earned-head-starts.js';

export interface LoginsAheadDeps {
  readonly connector: Pick<Connector, 'headStart'>;
  readonly network: ComputeNetwork;
  /** Told once for each compute that was dialled ahead. */
  readonly onResult: (result: DialAheadResult) => void;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
}

/** One per process: what its logins have earned. */
export class LoginsAhead {
  readonly #deps: LoginsAheadDeps;
  readonly #earned: EarnedHeadStarts;

  constructor(deps: LoginsAheadDeps) {
    this.#deps = deps;
    this.#earned = new EarnedHeadStarts(deps.now);
  }

  /** To be called when nothing is left to be known of a login but whether its proof is right. Never throws. */
  begin(name: LoginName, startup: ComputeStartup): LoginAhead {
    const { connector, network, onResult } = this.#deps;
    const generation = this.#earned.spend(name);
    const headStart = generation && connector.headStart(name.endpoint, generation);
    const dial = headStart && new DialAhead(headStart, startup, network);
    return new LoginAhead(name, dial, this.#earned, onResult);
  }
}

/** One login, from before its proof to its end. */
export class LoginAhead {
  #ended = false;

  constructor(
    private readonly name: LoginName,
    /** For the mechanism of the login's journey; `undefined` if nothing was dialled. */
    readonly dial: DialAhead | undefined,
    private readonly earned: EarnedHeadStarts,
    private readonly onResult: (result: DialAheadResult) => void,
  ) {}

  proofFailed(): void {
    this.earned.lose(this.name);
  }

  reachedCompute(generation: Generation): void {
    this.earned.earn(this.name, generation);
  }

  /** The login is over, however it ended: what its journey did not go on with is closed. As often as one likes. */
  end(): void {
    if (this.#ended || this.dial === undefined) return;
    this.#ended = true;
    this.dial.close();
    this.onResult(this.dial.result);
  }
}
