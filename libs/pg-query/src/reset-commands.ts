// How a session is brought back to where its login left it. Each command is a message of its own: in one message a
// statement_timeout of whoever used the session before could cancel the rest, and it would still look done.

import { randomBytes } from 'node:crypto';
import { FrontendWriter } from '@pgwake/pg-wire';
import type { Command } from './command-exchange.js';

export interface CommandBatch {
  readonly bytes: Uint8Array;
  readonly commands: readonly Command[];
}

const setTag = { tag: 'SET' };
const discardTag = { tag: 'DISCARD ALL' };
const rollbackTag = { tag: 'ROLLBACK' };

/**
 * The timeout first: a timer that runs out during DISCARD ALL cancels the statement behind it. The query at the end
 * finds out whether such a cancel is still waiting, and whether the session is its user's own again.
 * DISCARD ALL leaves the state of `random()`, so that gets a new seed.
 */
export function encodeReset(user: string, { rollBack }: { readonly rollBack: boolean }): CommandBatch {
  const writer = new FrontendWriter();
  if (rollBack) writer.query('ROLLBACK');
  writer.query('SET statement_timeout = 0').query('DISCARD ALL');
  writer.query(`SELECT current_user, session_user, pg_catalog.setseed(${randomSeed()})`);
  const commands = [setTag, discardTag, { tag: 'SELECT 1', row: [user, user] }];
  return { bytes: writer.bytes(), commands: rollBack ? [rollbackTag, ...commands] : commands };
}

/** A Sync: no statement, no transaction, only an answer. */
export function encodeCheck(): CommandBatch {
  return { bytes: new FrontendWriter().sync().bytes(), commands: [{ tag: undefined }] };
}

/** In [0, 1). */
function randomSeed(): string {
  return (randomBytes(6).readUIntBE(0, 6) / 2 ** 48).toFixed(16);
}
