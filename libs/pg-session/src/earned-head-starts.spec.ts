import { beforeEach, describe, expect, it } from '@jest/globals';
import type { EndpointId, Generation, RoleName } from '@pgwake/ids';
import { EarnedHeadStarts, type LoginName, keptMs, maxNames, maxSaved } from './earned-head-starts.js';

const alice: LoginName = { source: '192.0.2.1', endpoint: 'demo' as EndpointId, role: 'alice' as RoleName };
const first = 1 as Generation;
const second = 2 as Generation;

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
});
