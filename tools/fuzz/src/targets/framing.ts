// The two ways to cut a stream into messages, fed in chunks of any size, beside a model that has the whole stream at once.

import { createRandom, hostileComputes } from '@pgwake/hostile-bytes';
import { MessageScanner, createMessageReader } from '@pgwake/pg-wire';
import { type FuzzTarget, demand, hashOf, latin1 } from '../target.ts';

const maxBodyBytes = 300;

interface Reading {
  readonly messages: readonly string[];
  readonly end: 'violation' | 'between messages' | 'inside a message';
}

function readWhole(input: Buffer): Reading {
  const messages: string[] = [];
  let at = 0;
  while (input.length - at >= 5) {
    const length = input.readUInt32BE(at + 1);
    if (length < 4 || length > maxBodyBytes + 4) return { messages, end: 'violation' };
    if (input.length - at < 1 + length) break;
    messages.push(input.toString('latin1', at, at + 1) + input.toString('latin1', at + 5, at + 1 + length));
    at += 1 + length;
  }
  return { messages, end: at === input.length ? 'between messages' : 'inside a message' };
}

function* chunksOf(input: Uint8Array): Generator<Uint8Array> {
  const random = createRandom(hashOf(input));
  for (let at = 0; at < input.length;) {
    const size = 1 + random.below(24);
    yield input.subarray(at, at + size);
    at += size;
  }
}

function readInChunks(input: Uint8Array): Reading {
  const reader = createMessageReader({ maxBodyBytes });
  const messages: string[] = [];
  for (const chunk of chunksOf(input)) {
    reader.push(chunk);
    for (let read = reader.next(); read !== undefined; read = reader.next()) {
      if (read.kind === 'violation') return { messages, end: 'violation' };
      messages.push(textOf(read.tag, read.body));
    }
  }
  return { messages, end: reader.rest().length === 0 ? 'between messages' : 'inside a message' };
}

/** The scanner does not say where it stands at the end. */
function scanInChunks(input: Uint8Array): readonly string[] {
  const scanner = new MessageScanner({ maxBodyBytes });
  const messages: string[] = [];
  for (const chunk of chunksOf(input)) {
    scanner.push(Uint8Array.from(chunk));
    let scan = scanner.next();
    for (; scan === 'message'; scan = scanner.next()) messages.push(textOf(scanner.tag, scanner.body));
    if (scan !== 'incomplete') return [...messages, 'violation'];
  }
  return messages;
}

function textOf(tag: number, body: Uint8Array): string {
  return String.fromCharCode(tag) + Buffer.from(body).toString('latin1');
}

function run(input: Uint8Array): string {
  const expected = readWhole(Buffer.from(input));
  const { messages, end } = expected;
  demandEqual('the reader', readInChunks(input), expected);
  demandEqual('the scanner', scanInChunks(input), end === 'violation' ? [...messages, 'violation'] : messages);
  return `${end} after ${messages.length > 2 ? 'many' : messages.length}`;
}

function demandEqual(who: string, got: unknown, expected: unknown): void {
  const [gotText, expectedText] = [JSON.stringify(got), JSON.stringify(expected)];
  demand(gotText === expectedText, `${who} reads ${gotText}, and the model ${expectedText}`);
}

/** Gives the first message the length that would be true if it were the only one. */
function withTrueLength(input: Uint8Array): Uint8Array {
  if (input.length < 5) return input;
  const repaired = Buffer.from(input);
  repaired.writeUInt32BE(repaired.length - 1, 1);
  return repaired;
}

export const framingTarget: FuzzTarget = {
  name: 'framing',
  project: 'pg-wire',
  share: 15,
  seeds: hostileComputes.flatMap(({ says }) => (typeof says === 'function' || says.length > 300 ? [] : [says])),
  words: ['R\0\0\0\x08\0\0\0\0', 'Z\0\0\0\x05I', '1\0\0\0\x04', '\0\0\0\x04'].map(latin1),
  repair: withTrueLength,
  run,
  mustReach: ['violation', 'between messages', 'inside a message'].flatMap((end) =>
    ['0', '1', 'many'].map((count) => `${end} after ${count}`),
  ),
};
