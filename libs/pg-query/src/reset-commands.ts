// How a session is brought back to where its login left it. Each command is a message of its own: in one message a
// statement_timeout of whoever used the session before could cancel the rest, and it would still look done.

import { randomFillSync } from 'node:crypto';
import { FrontendWriter } from '@pgwake/pg-wire';
import { type Command, expectCommand } from './command-exchange.js';

export interface CommandBatch {
  readonly bytes: Uint8Array;
  readonly commands: readonly Command[];
}

/**
 * The timeout first: a timer that runs out during DISCARD ALL cancels the statement behind it. The query at the end
 * finds out whether such a cancel is still waiting, and whether the session is its user's own again.
 * DISCARD ALL leaves the state of `random()`, so that gets a new seed.
 */
const resetQueries = ['SET statement_timeout = 0', 'DISCARD ALL'];
const ownershipQuery = 'SELECT current_user, session_user, pg_catalog.setseed(';
/** As long as every other one. */
const noSeed = '0.0000000000000000';

/** Only the seed differs from one reset to the next: the rest is written once. */
const templates = { behind: encodeTemplate(resetQueries), rollingBack: encodeTemplate(['ROLLBACK', ...resetQueries]) };
/** The bytes behind the seed: a bracket, and the end of the text. */
const behindSeed = 2;

function encodeTemplate(queries: readonly string[]): Uint8Array {
  const writer = new FrontendWriter();
  for (const query of [...queries, `${ownershipQuery}${noSeed})`]) writer.query(query);
  return writer.bytes();
}

/** The resets of a session whose login was this user's. */
export function createResets(user: string): (options: { readonly rollBack: boolean }) => CommandBatch {
  const commands = [expectCommand('SET'), expectCommand('DISCARD ALL'), expectCommand('SELECT 1', [user, user])];
  const rollingBack = [expectCommand('ROLLBACK'), ...commands];
  return ({ rollBack }) => ({
    bytes: withSeed(rollBack ? templates.rollingBack : templates.behind),
    commands: rollBack ? rollingBack : commands,
  });
}

function withSeed(template: Uint8Array): Uint8Array {
  const bytes = Uint8Array.from(template);
  const seed = randomSeed();
  const start = bytes.length - behindSeed - noSeed.length;
  for (let at = 0; at < noSeed.length; at += 1) bytes[start + at] = seed.charCodeAt(at);
  return bytes;
}

/** A Sync: no statement, no transaction, only an answer. */
export function encodeCheck(): CommandBatch {
  return { bytes: new FrontendWriter().sync().bytes(), commands: [{ completion: undefined }] };
}

const seedBytes = 6;
/** Asked for in one go: each call for random bytes costs as much as a small query's JSON. */
const randomPool = Buffer.alloc(seedBytes * 512);
let randomAt = randomPool.length;

/** In [0, 1). */
function randomSeed(): string {
  if (randomAt === randomPool.length) {
    randomFillSync(randomPool);
    randomAt = 0;
  }
  const value = randomPool.readUIntBE(randomAt, seedBytes);
  randomAt += seedBytes;
  return (value / 2 ** 48).toFixed(16);
}
