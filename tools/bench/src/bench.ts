// What a benchmark is to the command line. Each has a folder with three parts: what it measures, what it makes of that, and
// how that reads.

import { type OptionTable, type Texts, type ValuesOf, parseOptions } from './options.ts';

export interface BenchResult {
  /** Everything, for --json. */
  readonly report: object;
  /** What a person reads. */
  readonly text: string;
}

export type Say = (progress: string) => void;
export type RunBench = (say: Say) => Promise<BenchResult>;

export interface Bench {
  /** What it measures, in a line. */
  readonly about: string;
  readonly options: OptionTable;
  /** Throws a UsageError for options that make no sense, before anything is measured. */
  prepare(texts: Texts): RunBench;
}

export function createBench<Table extends OptionTable>(
  about: string,
  options: Table,
  run: (values: ValuesOf<Table>, say: Say) => Promise<BenchResult>,
): Bench {
  return {
    about,
    options,
    prepare(texts) {
      const values = parseOptions(options, texts);
      return (say) => run(values, say);
    },
  };
}
