// A world made of ports for tests: every wake and every dial asks the script what happens, and is written down.

import { type ErrorCode, GatewayError, type GatewayErrorOptions } from '@pgwake/gateway-errors';
import { type EndpointId, type Generation, type Millis, millis } from '@pgwake/ids';
import type { WakeFailureReason } from '@pgwake/wake-api';
import { CachedNode, type DialableNode, type NodeInfo } from '../node.js';
import type { DialAttempt, DialOutcome, Mechanism, NodeCachePort, WakePort } from '../ports.js';
import type { FakeClock } from './fake-clock.js';

export type WakeEvent =
  /** `generation`: the one named before, unless given. `startKind` of a generation named before is `running`. */
  | { readonly wake: 'ok'; readonly generation?: number; readonly endpoint?: EndpointId; readonly afterMs?: number }
  | { readonly wake: WakeFailureReason | 'UNKNOWN'; readonly retryAfterMs?: number; readonly afterMs?: number }
  /** The port rejects, as it does when wake-service cannot be reached. */
  | { readonly wake: 'unreachable'; readonly afterMs?: number }
  | { readonly wake: 'hangs' };

export type DialEvent =
  | { readonly dial: 'ok'; readonly afterMs?: number }
  | {
      readonly dial: ErrorCode;
      readonly proven?: boolean;
      /** The mechanism calls the first byte of this answer a server byte too, which is not best but allowed. */
      readonly saysServerByte?: boolean;
      readonly afterMs?: number;
      readonly options?: GatewayErrorOptions;
    }
  /** No answer until the attempt's own limit. */
  | { readonly dial: 'hangs' };

/** What happened, in order. */
export type Call =
  | { readonly call: 'wake'; readonly atMs: number; readonly suspectGeneration: number | undefined }
  | {
      readonly call: 'dial';
      readonly atMs: number;
      readonly origin: 'cached' | 'fresh';
      readonly generation: number;
    }
  | { readonly call: 'evict'; readonly atMs: number; readonly generation: number }
  | { readonly call: 'put'; readonly atMs: number; readonly generation: number; readonly node: NodeInfo }
  | { readonly call: 'discard'; readonly atMs: number; readonly generation: number };

export interface Script {
  onWake(suspectGeneration: number | undefined): WakeEvent;
  onDial(node: DialableNode): DialEvent;
}

/** A connection of this world; it remembers what it was dialled with. */
export interface FakeConnection {
  readonly generation: number;
}

export interface ScriptWorld {
  readonly calls: Call[];
  readonly cache: NodeCachePort;
  readonly wake: WakePort;
  readonly mechanism: Mechanism<FakeConnection>;
  /** What the cache holds. */
  cachedGeneration(): number | undefined;
  readonly dialsInFlight: number;
  readonly mostDialsInFlight: number;
}

export function nodeInfo(endpoint: EndpointId, generation: number): NodeInfo {
  return {
    endpoint,
    generation: generation as Generation,
    address: { kind: 'tcp', host: 'compute.test', port: 5432 + generation },
    identity: { kind: 'clusterName', value: `pgwake/${endpoint}/${generation}` },
    issuedAtMs: generation,
    signature: undefined,
  };
}

export function createScriptWorld(
  clock: FakeClock,
  endpoint: EndpointId,
  cached: number | undefined,
  script: Script,
): ScriptWorld {
  const calls: Call[] = [];
  let held = cached === undefined ? undefined : nodeInfo(endpoint, cached);
  let newest = cached ?? 0;
  let dialsInFlight = 0;
  let mostDialsInFlight = 0;

  const pause = async (afterMs: number | undefined, signal: AbortSignal): Promise<void> => {
    if (afterMs !== undefined && afterMs > 0) await quietSleep(clock, millis(afterMs), signal);
  };

  const cache: NodeCachePort = {
    async get() {
      return held && new CachedNode(held);
    },
    peek: () => held,
    async put(node) {
      calls.push({ call: 'put', atMs: clock.now(), generation: node.generation, node });
      if (held === undefined || held.generation <= node.generation) held = node;
    },
    async evict(suspect) {
      const { generation } = suspect.consumeForEviction();
      calls.push({ call: 'evict', atMs: clock.now(), generation });
      if (held?.generation === generation) held = undefined;
    },
  };

  const wake: WakePort = {
    async wake({ suspectGeneration }, signal) {
      calls.push({ call: 'wake', atMs: clock.now(), suspectGeneration });
      const event = script.onWake(suspectGeneration);
      if (event.wake === 'hangs') return until(signal);
      await pause(event.afterMs, signal);
      signal.throwIfAborted();
      if (event.wake === 'unreachable') throw new GatewayError('WAKE_SERVICE_UNAVAILABLE');
      if (event.wake !== 'ok') {
        const retryAfterMs = 'retryAfterMs' in event ? event.retryAfterMs : undefined;
        return { ok: false, failure: { reason: event.wake, retryAfterMs, detail: 'scripted' } };
      }
      const generation = ('generation' in event ? event.generation : undefined) ?? Math.max(newest, 1);
      const startKind = generation === newest ? 'running' : 'started';
      newest = Math.max(newest, generation);
      const named = ('endpoint' in event ? event.endpoint : undefined) ?? endpoint;
      return { ok: true, node: { ...nodeInfo(named, generation), startKind } };
    },
  };

  const dial = async (node: DialableNode, attempt: DialAttempt): Promise<DialOutcome<FakeConnection>> => {
    const { generation } = node.info;
    calls.push({ call: 'dial', atMs: clock.now(), origin: node.origin, generation });
    const event = script.onDial(node);
    if (event.dial === 'hangs') await until(attempt.signal).catch(() => undefined);
    else await pause(event.afterMs, attempt.signal);
    if (attempt.signal.aborted) return failed('COMPUTE_DIAL_TIMEOUT', false, {});
    if (event.dial === 'ok') {
      attempt.onServerByte();
      return { ok: true, connection: { generation } };
    }
    if ('saysServerByte' in event && event.saysServerByte === true) attempt.onServerByte();
    const code = event.dial === 'hangs' ? 'COMPUTE_DIAL_TIMEOUT' : event.dial;
    const proven = 'proven' in event && event.proven === true;
    return failed(code, proven, ('options' in event ? event.options : undefined) ?? {});
  };

  return {
    calls,
    cache,
    wake,
    mechanism: {
      async dialOnce(node, attempt) {
        dialsInFlight += 1;
        mostDialsInFlight = Math.max(mostDialsInFlight, dialsInFlight);
        const outcome = await dial(node, attempt);
        dialsInFlight -= 1;
        return outcome;
      },
      discard({ generation }) {
        calls.push({ call: 'discard', atMs: clock.now(), generation });
      },
    },
    cachedGeneration: () => held?.generation,
    get dialsInFlight() {
      return dialsInFlight;
    },
    get mostDialsInFlight() {
      return mostDialsInFlight;
    },
  };
}

function failed(code: ErrorCode, proven: boolean, options: GatewayErrorOptions): DialOutcome<FakeConnection> {
  return { ok: false, failure: { error: new GatewayError(code, options), proven } };
}

function until(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}

/** A sleep of the world, not of the code under test: it does not count among the clock's sleeps. */
async function quietSleep(clock: FakeClock, delay: Millis, signal: AbortSignal): Promise<void> {
  const limit = clock.timeout(delay, signal);
  await until(limit.signal).catch(() => undefined);
  limit.release();
}
