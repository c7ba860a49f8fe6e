// The suite of one driver: every story it can tell, in both modes. Where the driver is not installed all of them are skipped.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Stages, openStages } from './stage.js';
import { type Driver, type Stage, type Story, type Telling, modes, stories } from './stories.js';

export function tellStories(driver: Driver): void {
  describeWith(driver.findMissing())(driver.name, () => {
    let stages: Stages | undefined;
    beforeAll(async () => {
      stages = await openStages();
    }, 120_000);
    afterAll(() => stages?.stop(), 60_000);

    for (const mode of modes) {
      describe(mode, () => {
        for (const [story, words] of Object.entries(stories)) {
          const telling = driver.stories[story as Story];
          if (typeof telling !== 'function') continue;
          it(words, async () => {
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
  const { id, generation, state } = await stage.system.show(stage.endpoint.endpoint);
  expect(state).toBe('suspended');
  await telling(stage);
  expect(await stage.system.show(id)).toMatchObject({ state: 'running', generation: generation + 1 });
}

/** `describe`, or `describe.skip` saying what is missing, so that nobody takes skipped tests for passed ones. */
export function describeWith(missing: string | undefined): (name: string, body: () => void) => void {
  if (missing === undefined) return describe;
  process.stderr.write(`skipped: ${missing} not found\n`);
  return describe.skip;
}
