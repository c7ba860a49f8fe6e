// How a session is brought back to where its login left it.

import { randomFillSync } from 'node:crypto';
import {
  FrontendWriter,
  backendTag,
  concatBytes,
  encodeCommandComplete,
  encodeDataRow,
  encodeMessage,
  encodeReadyForQuery,
} from '@pgwake/pg-wire';
import type { ExpectedAnswer } from './command-exchange.js';

export interface CommandBatch {
  /** Valid until the next batch is made. */
  readonly bytes: Uint8Array;
  readonly answer: ExpectedAnswer;
}

export interface Resets {
  /**
   * Behind a request, in the same write. It has one Sync, so that Postgres answers it in one piece. In a transaction that
   * the request left open DISCARD ALL fails; and a statement_timeout that it left may cut the reset short.
   */
  behind(): CommandBatch;
  /**
   * For whatever state a request has left. The timeout is taken back first, in a message of its own: in one with others it
   * could cancel the rest.
   */
  afterwards(options: { readonly rollBack: boolean }): CommandBatch;
}

/**
 * DISCARD ALL has to be the first in its pipeline: behind another statement Postgres takes it for part of a transaction, in
 * which it may not be. It leaves the state of `random()`, so that gets a new seed; as a SET, which is cheaper than a call of
 * setseed(). The query finds out whether the session is its user's own again; and it would meet a cancel that still waits.
 */
const discard = 'DISCARD ALL';
/** Behind `0.`: as many as a double can tell apart. */
const seedDigits = 16;
const noSeed = `0.${'0'.repeat(seedDigits)}`;
const pipeline = [discard, `SET seed = ${noSeed}`, 'SELECT current_user, session_user'];
const noTimeout = 'SET statement_timeout = 0';

/** Only the digits of the seed differ from one reset to the next: the rest is written once. */
interface Template {
  readonly bytes: Uint8Array;
  readonly digitsAt: number;
}

const templates = {
  behind: createTemplate([]),
  afterwards: createTemplate([noTimeout]),
  rollingBack: createTemplate(['ROLLBACK', noTimeout]),
};

function createTemplate(before: readonly string[]): Template {
  const writer = new FrontendWriter();
  for (const query of before) writer.query(query);
  for (const text of pipeline) writer.parse(text).bind([]).execute();
  const bytes = writer.sync().bytes();
  return { bytes, digitsAt: Buffer.from(bytes).indexOf(noSeed) + noSeed.length - seedDigits };
}

/** The resets of a session whose login was this user's. */
export function createResets(user: string): Resets {
  const ready = encodeReadyForQuery('idle');
  const begun = concatBytes(encodeMessage(backendTag.parseComplete), encodeMessage(backendTag.bindComplete));
  const done = concatBytes(
    ...[begun, encodeCommandComplete(discard)],
    ...[begun, encodeCommandComplete('SET')],
    ...[begun, encodeDataRow([user, user]), encodeCommandComplete('SELECT 1')],
    ready,
  );
  const expect = (...tags: readonly string[]): ExpectedAnswer => ({
    bytes: concatBytes(...tags.flatMap((tag) => [encodeCommandComplete(tag), ready]), done),
    readies: tags.length + 1,
  });
  const answers = { behind: expect(), afterwards: expect('SET'), rollingBack: expect('ROLLBACK', 'SET') };
  return {
    behind: () => ({ bytes: withSeed(templates.behind), answer: answers.behind }),
    afterwards({ rollBack }) {
      const kind = rollBack ? 'rollingBack' : 'afterwards';
      return { bytes: withSeed(templates[kind]), answer: answers[kind] };
    },
  };
}

/** Into the template itself. */
function withSeed({ bytes, digitsAt }: Template): Uint8Array {
  for (let at = 0; at < seedDigits; at += 1) bytes[digitsAt + at] = randomDigit();
  return bytes;
}

/** A Sync: no statement, no transaction, only an answer. */
export function encodeCheck(): CommandBatch {
  return { bytes: new FrontendWriter().sync().bytes(), answer: { bytes: encodeReadyForQuery('idle'), readies: 1 } };
}

/** Asked for in one go: each call for random bytes costs as much as a small query's JSON. */
const randomPool = Buffer.alloc(seedDigits * 256);
let randomAt = randomPool.length;

/** As ASCII. Some digits are likelier than others by a fortieth, which helps nobody to guess sixteen of them. */
function randomDigit(): number {
  if (randomAt === randomPool.length) {
    randomFillSync(randomPool);
    randomAt = 0;
  }
  const byte = randomPool[randomAt] ?? 0;
  randomAt += 1;
  return 0x30 + ((byte * 10) >>> 8);
}
