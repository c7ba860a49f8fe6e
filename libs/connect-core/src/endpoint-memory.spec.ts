import { describe, expect, it } from '@jest/globals';
import type { EndpointId } from '@pgwake/ids';
import { EndpointMemory } from './endpoint-memory.js';
import { completePolicy } from './policy.js';
import { RetryBudget } from './retry-budget.js';
import { endpoint } from './testing/scenario.js';
import { nodeInfo } from './testing/script-world.js';

const answerAt = (answeredAtMs: number) =>
  ({ info: nodeInfo(endpoint, 3), startKind: 'running', answeredAtMs }) as const;

describe('a retry budget', () => {
  const policy = { perJourney: 0.2, perSecond: 10, most: 100 };
  const spend = (budget: RetryBudget, nowMs: number): number => {
    let granted = 0;
    while (budget.withdraw(nowMs) === 'granted') granted += 1;
    return granted;
  };
  it('starts full, earns by time and by journeys, and never holds more than the most', () => {
    const budget = new RetryBudget(policy, 0);
    expect(spend(budget, 0)).toBe(100);
    expect(spend(budget, 1_000)).toBe(10);
    for (let journey = 0; journey < 25; journey++) budget.deposit(1_000);
    expect(spend(budget, 1_000)).toBe(5);
    expect(spend(budget, 1e9)).toBe(100);
  });
});

describe('what is remembered of an endpoint', () => {
  it('vouches for a generation for a while', () => {
    const memory = new EndpointMemory(completePolicy({ vouchedForMs: 5_000 }));
    memory.vouch(answerAt(1_000), 1_000);
    expect(memory.vouched(endpoint, 5_999)?.info.generation).toBe(3);
    expect(memory.vouched(endpoint, 6_000)).toBeUndefined();
  });
  it('is bounded: the endpoint heard of longest ago is forgotten', () => {
    const memory = new EndpointMemory(completePolicy({ rememberedEndpoints: 2 }));
    const first = memory.budgetOf('a' as EndpointId, 0);
    memory.budgetOf('b' as EndpointId, 0);
    expect(memory.budgetOf('a' as EndpointId, 0)).toBe(first);
    memory.budgetOf('c' as EndpointId, 0);
    expect(memory.size).toBe(2);
    expect(memory.budgetOf('a' as EndpointId, 0)).toBe(first);
  });
});
