// What pgbench is asked to do, in both modes: pipelines and load on libpq, counted transaction by transaction.

import { libpqEnvironment, runProgram, works } from './programs.js';
import type { Stage } from './stories.js';

export interface Bench {
  readonly name: string;
  readonly args: readonly string[];
  /** Instead of its own script. */
  readonly script?: string;
}

const clients = 8;
const transactionsEach = 50;
export const transactions = clients * transactionsEach;

const pipeline = `\\set aid random(1, 100000)
\\startpipeline
select abalance from pgbench_accounts where aid = :aid;
update pgbench_accounts set abalance = abalance + 1 where aid = :aid;
select 1;
\\endpipeline
`;

export const benches: readonly Bench[] = [
  { name: 'simple queries', args: ['-S', '-M', 'simple'] },
  { name: 'extended queries', args: ['-S', '-M', 'extended'] },
  { name: 'prepared statements', args: ['-S', '-M', 'prepared'] },
  { name: 'transactions that write', args: ['-M', 'prepared'] },
  { name: 'pipelines', args: ['-M', 'extended'], script: pipeline },
  { name: 'a new connection for every transaction', args: ['-S', '-C'] },
];

export function findMissingPgbench(): string | undefined {
  return works('pgbench', '--version') ? undefined : 'pgbench';
}

export async function makeTables(stage: Stage): Promise<void> {
  await runProgram('pgbench', ['--initialize', '--quiet'], { env: libpqEnvironment(stage) });
}

/** How many transactions were done, and how many of them failed, as pgbench itself counted. */
export async function runBench(
  stage: Stage,
  { args, script }: Bench,
): Promise<{ readonly done: number; readonly failed: number }> {
  const load = ['--no-vacuum', '-c', String(clients), '-j', '2', '-t', String(transactionsEach)];
  const from = script === undefined ? [] : ['-f', '-'];
  const { stdout } = await runProgram('pgbench', [...load, ...args, ...from], {
    env: libpqEnvironment(stage),
    ...(script !== undefined && { input: script }),
  });
  const done = /^number of transactions actually processed: (\d+)\//m.exec(stdout)?.[1];
  const failed = /^number of failed transactions: (\d+) /m.exec(stdout)?.[1];
  return { done: Number(done), failed: Number(failed) };
}
