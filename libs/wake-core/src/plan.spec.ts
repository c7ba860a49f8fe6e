import { describe, expect, it } from '@jest/globals';
import { type EndpointId, type Generation, type RoleName, millis } from '@pgwake/ids';
import {
  type ComputeState,
  type EndpointRecord,
  type FailedStarts,
  type OwnerId,
  type RunningCompute,
  crashLoop,
  pauseLeftMs,
  planAdoption,
  planExit,
  planSuspend,
  planWake,
} from './index.js';

const id = 'demo' as EndpointId;
const generation = (value: number) => value as Generation;
const alive = { id: 7 as OwnerId, lives: true };
const gone = { id: 6 as OwnerId, lives: false };
const place = {
  address: { kind: 'unix', socketDirectory: '/run/demo', port: 5432 },
  identity: { kind: 'clusterName', value: 'pgwake/demo/3' },
} as const;
const found: RunningCompute = { endpoint: id, generation: generation(3), ...place };
const ref = { endpoint: id, generation: generation(3) };

function record(compute: ComputeState, rest: Partial<EndpointRecord> = {}): EndpointRecord {
  return {
    id,
    compute,
    stateAgeMs: millis(60_000),
    availability: 'open',
    database: 'app',
    databaseOwner: 'app' as RoleName,
    idleSuspendAfterMs: undefined,
    allowedNetworks: [],
    rolesPending: false,
    failedStarts: undefined,
    createdAtMs: 0,
    ...rest,
  };
}

const suspended: ComputeState = { kind: 'suspended', lastGeneration: generation(3) };
const inState = (kind: 'starting' | 'running' | 'suspending', owner: typeof alive): ComputeState =>
  kind === 'starting'
    ? { kind, generation: generation(3), owner }
    : { kind, generation: generation(3), owner, ...place };
const failed = (count: number, lastAgoMs: number): FailedStarts => ({ count, lastAgoMs: millis(lastAgoMs) });

describe('planWake', () => {
  it('does not know an endpoint without a record, nor one that is being deleted', () => {
    expect(planWake(undefined, undefined)).toMatchObject({ kind: 'refuse', reason: 'ENDPOINT_NOT_FOUND' });
    for (const state of [suspended, inState('running', alive), inState('running', gone)]) {
      const deleting = record(state, { availability: 'deleting' });
      expect(planWake(deleting, undefined)).toMatchObject({ kind: 'refuse', reason: 'ENDPOINT_NOT_FOUND' });
    }
  });

  it('refuses a disabled endpoint in every state', () => {
    for (const state of [
      suspended,
      inState('starting', alive),
      inState('running', alive),
      inState('suspending', gone),
    ]) {
      const disabled = record(state, { availability: 'disabled' });
      expect(planWake(disabled, undefined)).toMatchObject({ kind: 'refuse', reason: 'ENDPOINT_DISABLED' });
    }
  });

  it('answers with what runs, unless the caller suspects this very generation', () => {
    const running = record(inState('running', alive));
    expect(planWake(running, undefined)).toEqual({ kind: 'answer', compute: found });
    expect(planWake(running, generation(2))).toEqual({ kind: 'answer', compute: found });
    expect(planWake(running, generation(3))).toEqual({ kind: 'probe', compute: found });
  });

  it('waits for a start or a suspend under way, and refuses nobody for it', () => {
    expect(planWake(record(inState('starting', alive)), undefined)).toEqual({ kind: 'await' });
    expect(planWake(record(inState('suspending', alive)), generation(3))).toEqual({ kind: 'await' });
  });

  it('settles whatever an owner left that is gone', () => {
    for (const kind of ['starting', 'running', 'suspending'] as const) {
      expect(planWake(record(inState(kind, gone)), undefined)).toEqual({ kind: 'settle' });
    }
  });

  it('starts what sleeps, also after a few failures', () => {
    expect(planWake(record(suspended), undefined)).toEqual({ kind: 'start' });
    expect(planWake(record(suspended), generation(3))).toEqual({ kind: 'start' });
    expect(planWake(record(suspended, { failedStarts: failed(2, 0) }), undefined)).toEqual({ kind: 'start' });
  });

  it('answers a crash loop at once, with the time until the next trial', () => {
    expect(planWake(record(suspended, { failedStarts: failed(4, 500) }), undefined)).toMatchObject({
      kind: 'refuse',
      reason: 'START_FAILED',
      retryAfterMs: 1_500,
    });
    expect(planWake(record(suspended, { failedStarts: failed(4, 2_000) }), undefined)).toEqual({ kind: 'start' });
  });
});

describe('pauseLeftMs', () => {
  it('grows with each failure up to its limit, and is over at last', () => {
    const pauses = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((count) => pauseLeftMs(failed(count, 0)));
    expect(pauses).toEqual([0, 0, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
    expect(pauseLeftMs(failed(10_000, 0))).toBe(crashLoop.longestPauseMs);
    expect(pauseLeftMs(failed(10, crashLoop.forgottenAfterMs))).toBe(0);
  });
});

describe('planSuspend', () => {
  const seen = { sessions: 1, activeTimeMs: 1, busyBackends: 0, lastStateChangeAgoMs: undefined, holds: 0 };
  const idle = { kind: 'idle', generation: generation(3), seen } as const;

  it('suspends what runs, for any cause', () => {
    const running = record(inState('running', alive));
    for (const cause of [idle, { kind: 'requested' }, { kind: 'shutdown' }, { kind: 'deletion' }] as const) {
      expect(planSuspend(running, cause)).toEqual({ kind: 'suspend', compute: found });
    }
  });

  it('does nothing about what sleeps or does not exist', () => {
    expect(planSuspend(record(suspended), { kind: 'requested' })).toEqual({ kind: 'nothing' });
    expect(planSuspend(undefined, { kind: 'requested' })).toEqual({ kind: 'nothing' });
  });

  it('never suspends a generation for the idleness of another', () => {
    expect(planSuspend(record(inState('running', alive)), { ...idle, generation: generation(2) })).toEqual({
      kind: 'nothing',
    });
    expect(planSuspend(record(inState('starting', alive)), idle)).toEqual({ kind: 'nothing' });
    expect(planSuspend(record(inState('suspending', alive)), idle)).toEqual({ kind: 'nothing' });
  });

  it('waits for what is under way, and settles what was left behind', () => {
    expect(planSuspend(record(inState('starting', alive)), { kind: 'requested' })).toEqual({ kind: 'await' });
    expect(planSuspend(record(inState('suspending', alive)), { kind: 'shutdown' })).toEqual({ kind: 'await' });
    expect(planSuspend(record(inState('running', gone)), { kind: 'deletion' })).toEqual({ kind: 'settle' });
  });
});

describe('planExit', () => {
  it('records the exit of the running generation only', () => {
    expect(planExit(record(inState('running', alive)), ref)).toEqual({
      kind: 'recordExit',
      countsAsFailedStart: false,
    });
    expect(planExit(record(inState('running', alive)), { ...ref, generation: generation(2) })).toEqual({
      kind: 'nothing',
    });
    for (const state of [suspended, inState('starting', alive), inState('suspending', alive)]) {
      expect(planExit(record(state), ref)).toEqual({ kind: 'nothing' });
    }
    expect(planExit(undefined, ref)).toEqual({ kind: 'nothing' });
  });

  it('counts a compute that dies right after its start as a failed start', () => {
    const young = record(inState('running', alive), { stateAgeMs: millis(crashLoop.stableAfterMs - 1) });
    expect(planExit(young, ref)).toEqual({ kind: 'recordExit', countsAsFailedStart: true });
  });
});

describe('planAdoption', () => {
  it('leaves alone whatever belongs to an instance that lives', () => {
    for (const kind of ['starting', 'running', 'suspending'] as const) {
      expect(planAdoption(record(inState(kind, alive)), found)).toEqual([]);
      expect(planAdoption(record(inState(kind, alive)), undefined)).toEqual([]);
    }
  });

  it('keeps what runs: a suspend that was begun is called off, a start that was begun is finished', () => {
    expect(planAdoption(record(inState('running', gone)), found)).toEqual([{ kind: 'own', compute: found }]);
    expect(planAdoption(record(inState('suspending', gone)), found)).toEqual([{ kind: 'own', compute: found }]);
    expect(planAdoption(record(inState('starting', gone)), found)).toEqual([{ kind: 'finishStart', compute: found }]);
  });

  it('calls suspended what does not run', () => {
    expect(planAdoption(record(inState('running', gone)), undefined)).toEqual([{ kind: 'recordGone', ref }]);
    expect(planAdoption(record(inState('suspending', gone)), undefined)).toEqual([{ kind: 'recordGone', ref }]);
    expect(planAdoption(record(inState('starting', gone)), undefined)).toEqual([{ kind: 'undoStart', ref }]);
    expect(planAdoption(record(suspended), undefined)).toEqual([]);
  });

  it('ends what runs although nobody knows of it, before anything else', () => {
    expect(planAdoption(undefined, found)).toEqual([{ kind: 'end', ref: found }]);
    expect(planAdoption(record(suspended), found)).toEqual([{ kind: 'end', ref: found }]);
    const older = { ...found, generation: generation(2) };
    expect(planAdoption(record(inState('running', gone)), older)).toEqual([
      { kind: 'end', ref: older },
      { kind: 'recordGone', ref },
    ]);
  });
});
