// One wake for everybody who needs the same endpoint. A flight asks wake-service, again and again while the reason allows it,
// until it has an answer, and lives on while anybody it gave that answer to is still trying to reach the compute. It belongs
// to nobody: the journey that started it may leave, the flight ends when the last passenger leaves.

import { GatewayError, isGatewayError } from '@pgwake/gateway-errors';
import { type EndpointId, type Generation, type SessionId, millis } from '@pgwake/ids';
import { type StartKind, type WakeFailure, type WakeOutcome, toGatewayError } from '@pgwake/wake-api';
import { plannedDelayMs } from './backoff.js';
import { orAborted } from './deadline.js';
import type { NodeInfo } from './node.js';
import type { ConnectPolicy } from './policy.js';
import type { Clock, Random, WakePort } from './ports.js';
import { judgeWake } from './verdict.js';

export interface WakeAnswer {
  readonly info: NodeInfo;
  readonly startKind: StartKind;
  readonly answeredAtMs: number;
}

/** Why a call failed. It becomes an error per passenger, because the text may name the passenger's user. */
export type WakeProblem =
  | { readonly kind: 'refused'; readonly failure: WakeFailure }
  | { readonly kind: 'failed'; readonly error: GatewayError };

export function explainProblem(problem: WakeProblem, user: string): GatewayError {
  return problem.kind === 'refused' ? toGatewayError(problem.failure, user) : problem.error;
}

export interface Passenger {
  readonly sessionId: SessionId;
  /** A call has been made for this passenger, by itself or by the flight it joined. Must not throw. */
  onWakeAsked(): void;
  /** A call failed and will be repeated after `retryInMs`; `undefined`: the flight ends here. Must not throw. */
  onWakeFailed(problem: WakeProblem, retryInMs: number | undefined): void;
}

export type FlightEnd =
  { readonly ok: true; readonly answer: WakeAnswer } | { readonly ok: false; readonly problem: WakeProblem };

export interface FlightDeps {
  readonly wake: WakePort;
  readonly clock: Clock;
  readonly random: Random;
  readonly policy: ConnectPolicy;
}

export class WakeFlight {
  readonly #passengers = new Set<Passenger>();
  readonly #abort = new AbortController();
  readonly #end: Promise<FlightEnd>;
  #answer: WakeAnswer | undefined;
  #calling = false;

  constructor(
    private readonly deps: FlightDeps,
    private readonly endpoint: EndpointId,
    /** The generation that wake-service is told not to trust. */
    readonly suspectGeneration: Generation | undefined,
    first: Passenger,
    /** Called before any passenger is told. */
    private readonly onAnswer: (answer: WakeAnswer) => void,
  ) {
    this.#passengers.add(first);
    this.#end = this.#fly(first.sessionId);
  }

  get answer(): WakeAnswer | undefined {
    return this.#answer;
  }

  get passengers(): number {
    return this.#passengers.size;
  }

  /** Rejects with the signal's reason as soon as it is aborted; the flight goes on for the others. */
  board(passenger: Passenger, signal: AbortSignal): Promise<FlightEnd> {
    if (!this.#passengers.has(passenger)) {
      this.#passengers.add(passenger);
      if (this.#calling) passenger.onWakeAsked();
    }
    return orAborted(this.#end, signal);
  }

  leave(passenger: Passenger): void {
    if (this.#passengers.delete(passenger) && this.#passengers.size === 0) {
      this.#abort.abort(new GatewayError('CLIENT_GONE', { detail: 'nobody waits for this wake any more' }));
    }
  }

  async #fly(sessionId: SessionId): Promise<FlightEnd> {
    const end = await this.#askUntilAnswered(sessionId);
    if (end.ok) {
      this.#answer = end.answer;
      this.onAnswer(end.answer);
    }
    return end;
  }

  async #askUntilAnswered(sessionId: SessionId): Promise<FlightEnd> {
    // Counted apart, otherwise a long outage would leave no retry for a start that fails right after it.
    const retries = { wake: 0, outage: 0 };
    for (;;) {
      const end = await this.#ask(sessionId);
      if (end.ok) return end;
      const delayMs = this.#delayBeforeNext(end.problem, retries);
      for (const passenger of this.#passengers) passenger.onWakeFailed(end.problem, delayMs);
      if (delayMs === undefined) return end;
      await this.deps.clock.sleep(millis(delayMs), this.#abort.signal).catch(ignoreAbort);
      if (this.#abort.signal.aborted) return end;
    }
  }

  #delayBeforeNext(problem: WakeProblem, retries: { wake: number; outage: number }): number | undefined {
    const { policy, random } = this.deps;
    const error = explainProblem(problem, '');
    switch (judgeWake(error).kind) {
      case 'stop':
        return undefined;
      case 'wakeAgain': {
        const kind = error.code === 'WAKE_SERVICE_UNAVAILABLE' ? 'outage' : 'wake';
        retries[kind] += 1;
        if (retries[kind] > policy[kind].maxRetries) return undefined;
        const asked = { retryAfterMs: error.retryAfterMs, bounds: policy.serverDelay };
        return plannedDelayMs(policy[kind], retries[kind], asked, random);
      }
    }
  }

  /** One call. No call outlives the whole deadline of a journey, otherwise a lost one would hold up all who come later. */
  async #ask(sessionId: SessionId): Promise<FlightEnd> {
    const { wake, clock, policy } = this.deps;
    const limit = clock.timeout(millis(policy.deadlineMs), this.#abort.signal);
    const request = { endpoint: this.endpoint, suspectGeneration: this.suspectGeneration, sessionId };
    this.#calling = true;
    for (const passenger of this.#passengers) passenger.onWakeAsked();
    try {
      return this.#read(await orAborted(wake.wake(request, limit.signal), limit.signal));
    } catch (thrown) {
      return { ok: false, problem: { kind: 'failed', error: this.#nameError(thrown, limit.signal) } };
    } finally {
      this.#calling = false;
      limit.release();
    }
  }

  #read(outcome: WakeOutcome): FlightEnd {
    if (!outcome.ok) return { ok: false, problem: { kind: 'refused', failure: outcome.failure } };
    const { startKind, ...info } = outcome.node;
    if (info.endpoint !== this.endpoint) {
      const detail = `wake-service answered for ${info.endpoint} when asked for ${this.endpoint}`;
      return { ok: false, problem: { kind: 'failed', error: new GatewayError('WAKE_FAILED', { detail }) } };
    }
    return { ok: true, answer: { info, startKind, answeredAtMs: this.deps.clock.now() } };
  }

  #nameError(thrown: unknown, limit: AbortSignal): GatewayError {
    if (isGatewayError(thrown)) return thrown;
    if (limit.aborted) return new GatewayError('WAKE_SERVICE_UNAVAILABLE', { detail: 'no answer in time' });
    // Not in the contract of WakePort, so nobody knows what it means: stop.
    return new GatewayError('INTERNAL', { cause: thrown });
  }
}

function ignoreAbort(): void {
  // The last passenger has left; whoever called looks at the signal.
}
