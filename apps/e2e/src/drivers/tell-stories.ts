// The suite of one driver: every story it can tell, in both modes. Where the driver is not installed all of them are skipped.

import assert from 'node:assert/strict';
import { type Stages, openStages } from './stage.js';
import { type Driver, type Stage, type Telling, modes, stories, storyNames } from './stories.js';

type Suite = (name: string, body: () => void) => void;

/** What is used of a test runner. A spec hands it over, as only specs import one. */
export interface Runner {
  readonly describe: Suite & { readonly skip: Suite };
  readonly it: (name: string, body: () => Promise<void>) => void;
  readonly beforeAll: (body: () => Promise<void>, limitMs: number) => void;
  readonly afterAll: (body: () => Promise<void>, limitMs: number) => void;
}

export function tellStories(driver: Driver, { describe, it, beforeAll, afterAll }: Runner): void {
  skipWithout(driver.findMissing(), describe)(driver.name, () => {
    let stages: Stages | undefined;
    beforeAll(async () => {
      stages = await openStages();
    }, 120_000);
    afterAll(async () => stages?.stop(), 60_000);

    for (const mode of modes) {
      describe(mode, () => {
        for (const story of storyNames) {
          const telling = driver.stories[story];
          if (typeof telling !== 'function') continue;
          it(stories[story], async () => {
            if (stages === undefined) throw new Error('there is no stage');
            if (story === 'wakes') await expectWake(stages.of(mode), telling);
            else await telling(stages.of(mode));
          });
        }
      });
    }
  });
}

async function expectWake(stage: Stage, telling: Telling): Promise<void> {
  const before = await stage.system.show(stage.endpoint.endpoint);
  assert.equal(before.state, 'suspended');
  await telling(stage);
  const { state, generation } = await stage.system.show(before.id);
  assert.deepEqual({ state, generation }, { state: 'running', generation: before.generation + 1 });
}

/** `describe`, or `describe.skip` saying what is missing, so that nobody takes skipped tests for passed ones. */
export function skipWithout(missing: string | undefined, describe: Runner['describe']): Suite {
  if (missing === undefined) return describe;
  process.stderr.write(`skipped: ${missing} not found\n`);
  return describe.skip;
}
