import { describe, expect, it } from '@jest/globals';
import type { Generation } from '@pgwake/ids';
import { defaultPolicy } from './policy.js';
import { type Scenario, type ScenarioOptions, createScenario, endpoint } from './testing/scenario.js';
import { nodeInfo } from './testing/script-world.js';

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const scenario = (options: Omit<ScenarioOptions, 'settle'> = {}): Scenario => createScenario({ settle, ...options });
const third = 3 as Generation;

describe('a head start', () => {
  it('is for the known address of the generation that the caller has reached, and asks nobody', () => {
    const { connector, told } = scenario({ cached: 3 });
    expect(connector.headStart(endpoint, third)).toMatchObject({
      node: nodeInfo(endpoint, 3),
      limitMs: defaultPolicy.cachedDialMs,
    });
    expect(told()).toEqual([]);
  });

  it.each([
    ['no address is known', {}],
    ['the known address is of an earlier generation', { cached: 2 }],
    ['the known address is of a later generation', { cached: 4 }],
  ])('is not given where %s', (_, known) => {
    const { connector, told } = scenario(known);
    expect(connector.headStart(endpoint, third)).toBeUndefined();
    expect(told()).toEqual([]);
  });

  it('takes a place until it ends, however often that is said', () => {
    const { connector } = scenario({ cached: 3, policy: { dialsInFlightPerEndpoint: 2 } });
    const first = connector.headStart(endpoint, third);
    const second = connector.headStart(endpoint, third);
    expect(connector.headStart(endpoint, third)).toBeUndefined();
    first?.end();
    first?.end();
    const next = connector.headStart(endpoint, third);
    expect(next).toBeDefined();
    expect(connector.headStart(endpoint, third)).toBeUndefined();
    for (const each of [second, next]) each?.end();
    expect(connector.headStart(endpoint, third)).toBeDefined();
  });

  it('does not keep journeys waiting, and changes nothing of what they do', async () => {
    const story = scenario({ cached: 3, policy: { dialsInFlightPerEndpoint: 1 }, script: [{ dial: 'ok' }] });
    const start = story.connector.headStart(endpoint, third);
    expect(start).toBeDefined();
    expect(await story.finish()).toMatchObject({ ok: true, connection: { generation: 3 } });
    expect(story.told()).toEqual(['dial cached 3', 'put 3']);
    expect(story.clock.pending).toBe(0);
    start?.end();
  });

  it('is not given while a journey finds out whether the address answers', async () => {
    const story = scenario({ cached: 3, script: [{ dial: 'ok', afterMs: 100 }] });
    const journey = story.travel();
    await settle();
    expect(story.told()).toEqual(['dial cached 3']);
    expect(story.connector.headStart(endpoint, third)).toBeUndefined();
    await story.clock.run(journey);
    expect(story.connector.headStart(endpoint, third)).toBeDefined();
  });
});
