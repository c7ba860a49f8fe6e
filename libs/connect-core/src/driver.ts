// Drives one journey, a straight line: locate an address; dial it once; if a cached address turns out suspect, evict it, wake,
// and take what the wake names; redial in one bounded loop. While waking fails nothing is dialled. It decides nothing by
// itself: verdict.ts judges every failure, and the type of the node says what may be done with it.

import { type ErrorCode, GatewayError, isGatewayError } from '@pgwake/gateway-errors';
import { type Generation, millis } from '@pgwake/ids';
import { plannedDelayMs } from './backoff.js';
import { type Deadline, orAborted, startDeadline } from './deadline.js';
import type { EndpointMemory } from './endpoint-memory.js';
import type { EndpointRoom } from './endpoint-room.js';
import type { Journey, JourneyResult } from './journey.js';
import { JourneyLog } from './journey-log.js';
import { type CachedNode, type DialableNode, FreshNode, type NodeInfo } from './node.js';
import { type WaitingFor, outOfBudget, outOfTime } from './out-of-time.js';
import type { ConnectPolicy } from './policy.js';
import type { Clock, DialFailure, DialOutcome, NodeCachePort, Random } from './ports.js';
import type { RetryBudget } from './retry-budget.js';
import {
  type FailureLevel,
  type FreshVerdict,
  type Replace,
  judgeCachedDial,
  judgeFreshDial,
  levelOf,
} from './verdict.js';
import { type Passenger, type WakeAnswer, explainProblem } from './wake-flight.js';

export interface DriverDeps {
  readonly cache: NodeCachePort;
  readonly clock: Clock;
  readonly random: Random;
  readonly policy: ConnectPolicy;
  readonly memory: EndpointMemory;
  readonly room: EndpointRoom;
}

/** A failed dial with its verdict. Only a cached node can come with `replace`, because only that has something to give up. */
interface Failed {
  readonly kind: 'failed';
  readonly error: GatewayError;
  readonly verdict: FreshVerdict | (Replace & { readonly node: CachedNode });
}

type Dialled<C> = { readonly kind: 'connected'; readonly connection: C } | { readonly kind: 'outdated' } | Failed;

export class Driver<C> {
  readonly #log: JourneyLog;
  readonly #deadline: Deadline;
  readonly #budget: RetryBudget;
  readonly #passenger: Passenger;
  #waitingFor: WaitingFor = 'dial';
  #lastFailure: GatewayError | undefined;
  #redialAttempt = 0;
  #suspectDials = 0;

  constructor(
    private readonly journey: Journey<C>,
    private readonly deps: DriverDeps,
  ) {
    const { clock, memory, policy } = deps;
    this.#log = new JourneyLog(clock, journey.observer);
    this.#deadline = startDeadline(clock, policy.deadlineMs, journey.signal);
    this.#budget = memory.budgetOf(journey.endpoint, clock.now());
    this.#passenger = this.#makePassenger();
  }

  /** Never rejects but for a programming error of a port. */
  async drive(): Promise<JourneyResult<C>> {
    try {
      const { connection, node } = await this.#reachCompute();
      return { ok: true, connection, node, report: this.#log.report() };
    } catch (thrown) {
      return { ok: false, error: this.#explain(thrown), report: this.#log.report() };
    } finally {
      this.deps.room.gate.leave(this);
      this.deps.room.leave(this.#passenger);
      this.#deadline.release();
    }
  }

  async #reachCompute(): Promise<{ readonly connection: C; readonly node: NodeInfo }> {
    let node = await this.#locate();
    // Bounded: every turn but the first and the one after an eviction spends a redial, and a journey evicts once.
    for (;;) {
      const dialled = await this.#dialInTurn(node);
      switch (dialled.kind) {
        case 'connected':
          return { connection: dialled.connection, node: this.#arrive(node) };
        case 'outdated':
          node = await this.#moveOn(node);
          break;
        case 'failed':
          node = await this.#afterFailure(node, dialled);
      }
    }
  }

  async #locate(): Promise<DialableNode> {
    const cached = await orAborted(this.deps.cache.get(this.journey.endpoint), this.#deadline.signal);
    if (cached === undefined) {
      this.#log.note({ kind: 'cacheMiss' });
      return this.#wake(undefined);
    }
    this.#log.note({ kind: 'cacheHit', generation: cached.info.generation });
    return cached;
  }

  async #dialInTurn(node: DialableNode): Promise<Dialled<C>> {
    const { gate } = this.deps.room;
    const admission = await this.#log.timed('queueMs', gate.enter(this, node, this.#deadline.signal));
    if (admission === 'outdated') return { kind: 'outdated' };
    try {
      return await this.#dial(node);
    } finally {
      gate.done();
    }
  }

  async #dial(node: DialableNode): Promise<Dialled<C>> {
    const { clock, policy, room } = this.deps;
    const { mechanism } = this.journey;
    const { origin } = node;
    const { generation } = node.info;
    const patienceMs = origin === 'cached' ? policy.cachedDialMs : policy.freshDialMs;
    const limit = clock.timeout(millis(patienceMs), this.#deadline.signal);
    const dialAttempt = this.#log.countDial();
    const attempt = { signal: limit.signal, onServerByte: (): void => room.gate.beginsToAnswer(generation) };
    const discardLate = (late: DialOutcome<C>): void => {
      if (late.ok) mechanism.discard(late.connection);
    };
    try {
      const work = orAborted(mechanism.dialOnce(node, attempt), this.#deadline.signal, discardLate);
      const outcome = await this.#log.timed('dialMs', work);
      if (!outcome.ok) return this.#judge(node, outcome.failure, dialAttempt);
      room.gate.answers(generation);
      this.#log.note({ kind: 'dialled', dialAttempt, origin, generation });
      return { kind: 'connected', connection: outcome.connection };
    } finally {
      limit.release();
    }
  }

  #judge(node: DialableNode, failure: DialFailure, dialAttempt: number): Failed {
    const verdict = node.origin === 'cached' ? this.#judgeCached(node, failure) : judgeFreshDial(failure);
    const { error } = failure;
    const { generation } = node.info;
    this.#lastFailure = error;
    this.#tellGate(generation, levelOf(failure), verdict.kind);
    this.#log.note({ kind: 'dialFailed', dialAttempt, origin: node.origin, generation, error, verdict: verdict.kind });
    return { kind: 'failed', error, verdict };
  }

  #judgeCached(node: CachedNode, failure: DialFailure): Failed['verdict'] {
    const { clock, memory } = this.deps;
    const vouched = memory.vouched(this.journey.endpoint, clock.now())?.info.generation === node.info.generation;
    const verdict = judgeCachedDial(failure, vouched ? 'vouched' : 'unconfirmed');
    return verdict.kind === 'replace' ? { ...verdict, node } : verdict;
  }

  #tellGate(generation: Generation, level: FailureLevel, verdict: Failed['verdict']['kind']): void {
    const { gate } = this.deps.room;
    if (level === 'login') return gate.answers(generation);
    switch (verdict) {
      case 'replace':
        return gate.distrust(generation);
      case 'dialAgain':
        return gate.silent(this, generation);
      case 'stop':
        return;
    }
  }

  async #afterFailure(node: DialableNode, { error, verdict }: Failed): Promise<DialableNode> {
    switch (verdict.kind) {
      case 'stop':
        throw error;
      case 'replace':
        return this.#replace(verdict.node, error.code);
      case 'dialAgain':
        await this.#pause(error);
        return verdict.address === 'suspect' ? this.#doubt(node) : node;
    }
  }

  /** Evicts this generation and no other, then gets an address from wake-service: at once, a dead address needs no pause. */
  async #replace(node: CachedNode, because: ErrorCode | 'outdated'): Promise<FreshNode> {
    const suspect = node.suspect();
    const { generation } = suspect;
    this.#log.note({ kind: 'evicted', generation, because });
    await orAborted(this.deps.cache.evict(suspect), this.#deadline.signal);
    return this.#wake(generation);
  }

  /** The gate says that this address is not worth a dial: somebody else has found out, or a higher generation is known. */
  #moveOn(node: DialableNode): Promise<FreshNode> {
    this.#spendRedial();
    return node.origin === 'cached' ? this.#replace(node, 'outdated') : this.#wake(node.info.generation);
  }

  /** A fresh compute that keeps failing may have died: every few dials wake-service is asked. A higher generation: switch. */
  async #doubt(node: DialableNode): Promise<DialableNode> {
    this.#suspectDials += 1;
    if (this.#suspectDials % this.deps.policy.askAgainAfterSuspectDials !== 0) return node;
    return this.#wake(node.info.generation);
  }

  async #wake(suspect: Generation | undefined): Promise<FreshNode> {
    const { memory, clock } = this.deps;
    const recent = suspect === undefined ? undefined : memory.vouched(this.journey.endpoint, clock.now());
    // Others have been told of a higher generation a moment ago: asking once more would bring nothing new.
    if (suspect !== undefined && recent !== undefined && recent.info.generation > suspect) return this.#hold(recent);
    this.#waitingFor = 'wake';
    this.#lastFailure = undefined;
    const flight = this.deps.room.wake(suspect, this.#passenger, this.#deadline.signal);
    const end = await this.#log.timed('wakeWaitMs', flight);
    if (!end.ok) throw explainProblem(end.problem, this.journey.user);
    this.#waitingFor = 'dial';
    return this.#hold(end.answer);
  }

  #hold({ info, startKind }: WakeAnswer): FreshNode {
    this.#log.note({ kind: 'woken', generation: info.generation, startKind });
    return new FreshNode(info);
  }

  async #pause(error: GatewayError): Promise<void> {
    const { clock, policy, random } = this.deps;
    this.#spendRedial();
    if (this.#budget.withdraw(clock.now()) === 'spent') throw outOfBudget(error);
    const asked = { retryAfterMs: error.retryAfterMs, bounds: policy.serverDelay };
    const delayMs = plannedDelayMs(policy.redial, this.#redialAttempt, asked, random);
    await this.#log.timed('sleepMs', this.#deadline.sleep(delayMs));
  }

  #spendRedial(): void {
    this.#redialAttempt += 1;
    if (this.#redialAttempt > this.deps.policy.redial.maxRetries) throw outOfTime('dial', this.#lastFailure);
  }

  #arrive(node: DialableNode): NodeInfo {
    // Not waited for: the client need not pay for a slow cache.
    void this.deps.cache.put(node.info);
    this.deps.room.arrived(node.info.generation);
    return node.info;
  }

  #makePassenger(): Passenger {
    const { sessionId, user } = this.journey;
    return {
      sessionId,
      onWakeAsked: () => this.#log.note({ kind: 'waking', wakeAttempt: this.#log.countWake() }),
      onWakeFailed: (problem, retryInMs) => {
        const error = explainProblem(problem, user);
        this.#lastFailure = error;
        this.#log.note({ kind: 'wakeFailed', error, retryInMs });
      },
    };
  }

  #explain(thrown: unknown): GatewayError {
    if (this.journey.signal.aborted) return new GatewayError('CLIENT_GONE');
    if (isGatewayError(thrown) && thrown !== this.#deadline.signal.reason) return thrown;
    if (this.#deadline.signal.aborted) return outOfTime(this.#waitingFor, this.#lastFailure);
    throw thrown;
  }
}
