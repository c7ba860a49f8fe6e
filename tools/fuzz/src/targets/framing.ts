// The cutting of a stream into messages, fed in chunks of any size, beside a model that has the whole stream at once.

import { createRandom, hostileComputes } from '@pgwake/hostile-bytes';
import { createMessageReader } from '@pgwake/pg-wire';
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

function readInChunks(input: Uint8Array): Reading {
  const random = createRandom(hashOf(input));
  const reader = createMessageReader({ maxBodyBytes });
  const messages: string[] = [];
  for (let at = 0; at < input.length;) {
    const size = 1 + random.below(24);
    reader.push(input.subarray(at, at + size));
    at += size;
    for (let read = reader.next(); read !== undefined; read = reader.next()) {
      if (read.kind === 'violation') return { messages, end: 'violation' };
      messages.push(String.fromCharCode(read.tag) + Buffer.from(read.body).toString('latin1'));
    }
  }
  return { messages, end: reader.rest().length === 0 ? 'between messages' : 'inside a message' };
}

function run(input: Uint8Array): string {
  const expected = readWhole(Buffer.from(input));
  const got = readInChunks(input);
  demand(JSON.stringify(got) === JSON.stringify(expected), `${JSON.stringify(got)}, not ${JSON.stringify(expected)}`);
  return `${expected.end} after ${expected.messages.length > 2 ? 'many' : expected.messages.length}`;
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
