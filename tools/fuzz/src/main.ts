// npm run fuzz -- [--runs N] [--seed S] [--target NAME | --project NAME] [--input HEX]

import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { fuzz, runOnce } from './fuzz.ts';
import { renderReport } from './report.ts';
import type { FuzzTarget } from './target.ts';
import { targets } from './targets.ts';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: '1' },
    target: { type: 'string' },
    project: { type: 'string' },
    input: { type: 'string' },
  },
});
const runs = Number(values.runs);
const seed = Number(values.seed);
const chosen = targets.filter(
  ({ name, project }) =>
    (values.target === undefined || values.target === name) &&
    (values.project === undefined || values.project === project),
);

if (!Number.isSafeInteger(runs) || runs < 1 || !Number.isSafeInteger(seed) || chosen.length === 0) {
  const names = targets.map(({ name, project }) => `${name} (${project})`).join(', ');
  process.stderr.write(
    `usage: npm run fuzz -- [--runs 1000000] [--seed 1] [--target NAME | --project NAME] [--input HEX]\ntargets: ${names}\n`,
  );
  process.exit(2);
}

process.exitCode = values.input === undefined ? await fuzzAll(chosen) : await repeat(chosen, values.input);

async function fuzzAll(chosen: readonly FuzzTarget[]): Promise<number> {
  const shares = chosen.reduce((sum, { share }) => sum + share, 0);
  const measureMemory = createMemoryMeasure();
  const begun = performance.now();
  let failed = 0;
  for (const target of chosen) {
    const report = await fuzz(target, { runs: Math.ceil((runs * target.share) / shares), seed, measureMemory });
    process.stdout.write(`${renderReport(report)}\n`);
    if (report.failure !== undefined || report.missed.length > 0) failed += 1;
  }
  const seconds = ((performance.now() - begun) / 1000).toFixed(1);
  process.stdout.write(`seed ${seed}: ${chosen.length - failed} targets held, ${failed} failed, ${seconds} s\n`);
  return failed === 0 ? 0 : 1;
}

async function repeat(chosen: readonly FuzzTarget[], hex: string): Promise<number> {
  const input = Buffer.from(hex, 'hex');
  for (const target of chosen) process.stdout.write(`${target.name}: ${await runOnce(target, input)}\n`);
  return 0;
}

function createMemoryMeasure(): () => number {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  return () => {
    collectGarbage();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
}
