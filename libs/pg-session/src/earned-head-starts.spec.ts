import { beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { ScramKeys } from '@pgwake/client-auth';
import type { EndpointId, Generation, RoleName } from '@pgwake/ids';
import { type Earned, EarnedHeadStarts, type LoginName, keptMs, maxNames, maxSaved } from './earned-head-starts.js';

const alice: LoginName = { source: '192.0.2.1', endpoint: 'demo' as EndpointId, role: 'alice' as RoleName };
const keys: ScramKeys = { clientKey: Uint8Array.of(1), serverKey: Uint8Array.of(2) };
const first: Earned = { generation: 1 as Generation, keys };
const second: Earned = { generation: 2 as Generation, keys };

let nowMs: number;
let earned: EarnedHeadStarts;

beforeEach(() => {
  nowMs = 0;
  earned = new EarnedHeadStarts(() => nowMs);
});

const spendAll = (name: LoginName): number => {
  let count = 0;
  while (earned.spend(name) !== undefined) count += 1;
  return count;
};

describe('a head start', () => {
  it('is earned by a login that reached its compute, and spent once', () => {
    expect(earned.spend(alice)).toBeUndefined();
    earned.earn(alice, first);
    expect(earned.spend(alice)).toBe(first);
    expect(earned.spend(alice)).toBeUndefined();
  });

  it.each([
    ['source', { ...alice, source: '192.0.2.2' }],
    ['endpoint', { ...alice, endpoint: 'other' as EndpointId }],
    ['role', { ...alice, role: 'bob' as RoleName }],
  ])('is no other %s’s to spend', (_, other) => {
    earned.earn(alice, first);
    expect(earned.spend(other)).toBeUndefined();
    expect(earned.spend(alice)).toBe(first);
  });

  it('is worth nothing a minute after the last login', () => {
    earned.earn(alice, first);
    nowMs = keptMs - 1;
    earned.earn(alice, first);
    nowMs += keptMs - 1;
    expect(earned.spend(alice)).toBe(first);
    nowMs += 1;
    expect(earned.spend(alice)).toBeUndefined();
  });

  it('that ran out is not counted with those earned since', () => {
    earned.earn(alice, first);
    nowMs = keptMs;
    earned.earn(alice, first);
    expect(spendAll(alice)).toBe(1);
  });

  it('is lost with all others by a wrong password', () => {
    for (let login = 0; login < 5; login++) earned.earn(alice, first);
    earned.lose(alice);
    expect(earned.spend(alice)).toBeUndefined();
  });

  it('is for the compute of the last login, and those for an earlier one are worth nothing', () => {
    for (let login = 0; login < 5; login++) earned.earn(alice, first);
    earned.earn(alice, second);
    expect(earned.spend(alice)).toBe(second);
    expect(earned.spend(alice)).toBeUndefined();
  });
});

describe('what is remembered', () => {
  it('of one name is bounded', () => {
    for (let login = 0; login < 10 * maxSaved; login++) earned.earn(alice, first);
    expect(spendAll(alice)).toBe(maxSaved);
  });

  it('of all names is bounded; the oldest goes first', () => {
    const others = Array.from({ length: maxNames }, (_, at) => ({ ...alice, source: `198.51.100.${at}` }));
    earned.earn(alice, first);
    for (const other of others) earned.earn(other, first);
    expect(earned.spend(alice)).toBeUndefined();
    expect(others.every((other) => earned.spend(other) === first)).toBe(true);
  });

  it('is forgotten with the next login once it ran out, however long nobody spends it', () => {
    const bob = { ...alice, role: 'bob' as RoleName };
    earned.earn(alice, first);
    nowMs = keptMs / 2;
    earned.earn(bob, first);
    expect(earned.size).toBe(2);
    nowMs = keptMs;
    earned.earn(bob, first);
    expect(earned.size).toBe(1);
  });

  it('is forgotten although nobody logs in any more', () => {
    jest.useFakeTimers();
    try {
      earned.earn(alice, first);
      nowMs = keptMs - 1; // the clocks differ by a hair
      jest.advanceTimersByTime(keptMs);
      expect(earned.size).toBe(1);
      nowMs = 2 * keptMs - 1;
      jest.advanceTimersByTime(keptMs);
      expect(earned.size).toBe(0);
      expect(jest.getTimerCount()).toBe(0);
    } finally {
      jest.useRealTimers();
    }
  });
});
