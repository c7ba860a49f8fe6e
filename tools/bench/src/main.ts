// npm run bench -- wake [--rounds 30] [--json FILE]

import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { createWakeReport, renderWakeReport } from './report.ts';
import { measureWake } from './wake.ts';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '30' }, json: { type: 'string' } },
});
const rounds = Number(values.rounds);

if (positionals.join() !== 'wake' || !Number.isSafeInteger(rounds) || rounds < 1) {
  process.stderr.write('usage: npm run bench -- wake [--rounds 30] [--json FILE]\n');
  process.exit(2);
}

const progress = (text: string): void => {
  if (process.stderr.isTTY) process.stderr.write(`\r${text}`);
};
const samples = await measureWake({ rounds, onRound: (done) => progress(`round ${done} of ${rounds} `) });
progress('\n');
const report = createWakeReport(samples, new Date());
process.stdout.write(`${renderWakeReport(report)}\n`);
const rounded = (_key: string, value: unknown): unknown =>
  typeof value === 'number' ? Number(value.toFixed(3)) : value;
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, rounded, 2)}\n`);
