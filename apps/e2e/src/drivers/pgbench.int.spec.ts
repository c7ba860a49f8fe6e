import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { benches, findMissingPgbench, makeTables, runBench, transactions } from './pgbench.js';
import { type Stages, openStages } from './stage.js';
import { modes } from './stories.js';
import { skipWithout } from './tell-stories.js';

skipWithout(findMissingPgbench(), describe)('pgbench', () => {
  let stages: Stages;
  beforeAll(async () => {
    stages = await openStages();
  }, 120_000);
  afterAll(() => stages?.stop(), 60_000);

  describe.each(modes)('%s', (mode) => {
    beforeAll(() => makeTables(stages.of(mode)));

    it.each(benches)('$name: none fails', async (bench) => {
      expect(await runBench(stages.of(mode), bench)).toEqual({ done: transactions, failed: 0 });
    });
  });
});
