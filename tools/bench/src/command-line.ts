// The command line of the benchmarks: which one, with which options, and what is said when that makes no sense.

import { parseArgs } from 'node:util';
import type { Bench, RunBench } from './bench.ts';
import { type Texts, UsageError } from './options.ts';

export type BenchTable = Readonly<Record<string, Bench>>;

export interface Command {
  readonly bench: RunBench;
  /** Where the report is to be written. */
  readonly json: string | undefined;
}

/** Throws a UsageError. */
export function parseCommandLine(benches: BenchTable, args: readonly string[]): Command {
  const [name = '', ...rest] = args;
  const bench = Object.hasOwn(benches, name) ? benches[name] : undefined;
  if (bench === undefined) throw new UsageError(name === '' ? 'Which one?' : `There is no benchmark ${name}.`);
  const { json, ...texts } = readTexts(rest, ['json', ...Object.keys(bench.options)]);
  return { bench: bench.prepare(texts), json };
}

function readTexts(args: string[], names: readonly string[]): Texts {
  const options = Object.fromEntries(names.map((name) => [name, { type: 'string' as const }]));
  try {
    return parseArgs({ args, options }).values;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code?.startsWith('ERR_PARSE_ARGS_')) throw new UsageError(message, { cause: error });
    throw error;
  }
}

export function renderUsage(benches: BenchTable): string {
  const lines = Object.entries(benches).flatMap(([name, { about, options }]) => [
    '',
    `  ${name.padEnd(8)}${about}`,
    ...Object.entries(options).map(
      ([each, { form, about: what, fallback }]) => `    --${each} ${form}  ${what} (default ${fallback})`,
    ),
  ]);
  return ['usage: npm run bench -- NAME [options] [--json FILE]', ...lines].join('\n');
}
