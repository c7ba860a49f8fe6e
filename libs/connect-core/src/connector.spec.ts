import { describe, expect, it } from '@jest/globals';
import { setImmediate } from 'node:timers/promises';
import { type Scenario, type ScenarioOptions, createScenario } from './testing/scenario.js';

// Neon's scripted scenarios for connect_to_compute, retold in our words, and those it does not test.

const settle = (): Promise<void> => setImmediate();
const scenario = (options: Omit<ScenarioOptions, 'settle'>): Scenario => createScenario({ settle, ...options });

/** What the journey ends with: the generation it reached or the code of its error. */
async function endOf(story: Scenario): Promise<number | string> {
  const result = await story.finish();
  expect(story.unused()).toBe(0);
  expect(story.clock.pending).toBe(0);
  return result.ok ? result.connection.generation : result.error.code;
}

describe('a journey that finds no cached address', () => {
  it('wakes, dials what the wake named, and stores it', async () => {
    const story = scenario({ script: [{ wake: 'ok', generation: 1 }, { dial: 'ok' }] });
    expect(await endOf(story)).toBe(1);
    expect(story.told()).toEqual(['wake', 'dial fresh 1', 'put 1']);
  });
});

describe('a journey with a cached address', () => {
  it('dials it without waking anything', async () => {
    const story = scenario({ cached: 3, script: [{ dial: 'ok' }] });
    expect(await endOf(story)).toBe(3);
    expect(story.told()).toEqual(['dial cached 3', 'put 3']);
  });
  it('evicts a dead one, wakes and dials what the wake named', async () => {
    const story = scenario({
      cached: 3,
      script: [{ dial: 'COMPUTE_REFUSED' }, { wake: 'ok', generation: 4 }, { dial: 'ok' }],
    });
    expect(await endOf(story)).toBe(4);
    expect(story.told()).toEqual(['dial cached 3', 'evict 3', 'wake(3)', 'dial fresh 4', 'put 4']);
  });
});
