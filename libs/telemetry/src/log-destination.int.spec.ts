// In processes of their own, whose standard output is a pipe as under a supervisor.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from '@jest/globals';

const destination = new URL('./log-destination.ts', import.meta.url).href;
const packageRoot = fileURLToPath(new URL('..', import.meta.url));

const prelude = `
  import { pino } from 'pino';
  import { LogDestination } from '${destination}';
  const log = pino({ base: null, timestamp: false }, new LogDestination());
  const say = (from, to) => { for (let n = from; n < to; n++) log.info({ n }); };
`;

let children: ChildProcess[];

beforeEach(() => {
  children = [];
});
afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
});

interface Run {
  readonly child: ChildProcess;
  /** In the order in which they came, one for each write that was read. */
  readonly chunks: string[];
  readonly ended: Promise<unknown>;
}

function run(script: string): Run {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', prelude + script], {
    cwd: packageRoot,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  children.push(child);
  const chunks: string[] = [];
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => chunks.push(chunk));
  return { child, chunks, ended: once(child, 'close') };
}

function numbersIn({ chunks }: Run): number[] {
  const lines = chunks.join('').split('\n').slice(0, -1);
  return lines.flatMap((line) => (JSON.parse(line) as { n?: number }).n ?? []);
}

const upTo = (count: number) => Array.from({ length: count }, (_, n) => n);

it.each([
  ['is at its end', ''],
  ['exits', 'process.exit(3);'],
  ['ends by an error that nobody caught', "throw new Error('on purpose');"],
  ['ends by a promise that nobody heard', "await Promise.reject(new Error('on purpose'));"],
])('every line is written, once and in order, when a process %s', async (_, end) => {
  const lines = run(`say(0, 5_000); ${end}`);
  await lines.ended;
  expect(numbersIn(lines)).toEqual(upTo(5_000));
});

it('a line waits a moment for others, and is written though none comes', async () => {
  const lines = run('say(0, 3); setTimeout(() => say(3, 4), 500); setInterval(() => undefined, 1_000);');
  while (numbersIn(lines).length < 4) await once(lines.child.stdout ?? lines.child, 'data');
  expect(lines.chunks.map((chunk) => chunk.split('\n').length - 1)).toEqual([3, 1]);
});

it('a warning takes all that waits before it out at once', async () => {
  // Never ends its turn, so no timer can have written anything.
  const lines = run('say(0, 3); log.warn({ n: 3 }); say(4, 5); for (;;) Math.random();');
  while (numbersIn(lines).length < 4) await once(lines.child.stdout ?? lines.child, 'data');
  expect(numbersIn(lines)).toEqual(upTo(4));
});
