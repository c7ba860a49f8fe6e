// npm run bench -- NAME [options]: measures, prints a table, and writes all of it as JSON where --json says.

import { writeFileSync } from 'node:fs';
import { benches } from './benches.ts';
import { parseCommandLine, renderUsage } from './command-line.ts';
import { UsageError } from './options.ts';

try {
  const { bench, json } = parseCommandLine(benches, process.argv.slice(2));
  const { report, text } = await bench((progress) => {
    // Erases what the line held before: the new words may be shorter.
    if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${progress}`);
  });
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
  process.stdout.write(`${text}\n`);
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(report, rounded, 2)}\n`);
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`${error.message}\n\n${renderUsage(benches)}\n`);
  process.exitCode = 2;
}

function rounded(_key: string, value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toFixed(3)) : value;
}
