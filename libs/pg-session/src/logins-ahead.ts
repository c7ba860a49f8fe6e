// Logs in at computes ahead: while a client computes its proof, its login at the compute begins, with the keys of a login before
// if they still fit and may be remembered, and as far as it goes without keys otherwise.
// Who gets that is decided here; docs/adr/0015-computes-are-dialled-ahead.md says why.

import { type ScramVerifier, fitVerifier } from '@pgwake/client-auth';
import type { Connector } from '@pgwake/connect-core';
import { type ComputeNetwork, type ComputeStartup, DialAhead, type DialAheadResult } from '@pgwake/pg-dial';
import { type Earned, EarnedHeadStarts, type LoginName } from './earned-head-starts.js';

export interface LoginsAheadDeps {
  readonly connector: Pick<Connector, 'headStart'>;
  readonly network: ComputeNetwork;
  /** Whether keys of logins are remembered for those that follow. */
  readonly remembersKeys: boolean;
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
  begin(name: LoginName, startup: ComputeStartup, verifier: ScramVerifier): LoginAhead {
    const { connector, network } = this.#deps;
    const earned = this.#earned.spend(name);
    const headStart = earned && connector.headStart(name.endpoint, earned.generation);
    const rememberedKeys = earned?.keys && fitVerifier(earned.keys, verifier) ? earned.keys : undefined;
    const dial = headStart && new DialAhead(headStart, { ...startup, rememberedKeys }, network);
    return new LoginAhead(name, dial, this.#earned, this.#deps);
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
    private readonly deps: LoginsAheadDeps,
  ) {}

  proofFailed(): void {
    this.earned.lose(this.name);
  }

  reachedCompute({ generation, keys }: Earned): void {
    this.earned.earn(this.name, { generation, keys: this.deps.remembersKeys ? keys : undefined });
  }

  /** The login is over, however it ended: what its journey did not go on with is closed. As often as one likes. */
  end(): void {
    if (this.#ended || this.dial === undefined) return;
    this.#ended = true;
    this.dial.close();
    this.deps.onResult(this.dial.result);
  }
}
