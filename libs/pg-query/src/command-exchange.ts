// Commands of our own by simple queries, each with its own ReadyForQuery, in one write. It finds out whether all of them
// did exactly what they are meant to; anything else, an error above all, makes them worthless.

import { type TransactionStatus, backendTag, parseDataRow, parseReadyForQuery } from '@pgwake/pg-wire';
import type { Exchange, Step } from './exchange.js';

export interface Command {
  /** The body of the CommandComplete that it has to answer with; `undefined` for a mere Sync, which has none. */
  readonly completion: Uint8Array | undefined;
  /** The first columns of its only row. */
  readonly row?: readonly Uint8Array[];
}

const encoder = new TextEncoder();

/** `tag` as in `SELECT 1`. */
export function expectCommand(tag: string, row?: readonly string[]): Command {
  const completion = encoder.encode(`${tag}\0`);
  return row === undefined ? { completion } : { completion, row: row.map((text) => encoder.encode(text)) };
}

export class CommandExchange implements Exchange {
  readonly ended: Promise<void>;
  /** All commands succeeded, and the session is idle outside a transaction. Counts once it has ended. */
  succeeded = false;
  /** Where the transaction stood before the second command. */
  statusAtFirst: TransactionStatus | undefined;
  readonly #commands: readonly Command[];
  #current = 0;
  #completed = 0;
  #rows = 0;
  #failed = false;
  #end: () => void = () => undefined;

  constructor(commands: readonly Command[]) {
    this.#commands = commands;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  take(tag: number, body: Uint8Array): Step {
    switch (tag) {
      case backendTag.rowDescription:
        return 'more';
      case backendTag.dataRow:
        this.#rows += 1;
        if (!this.#isExpectedRow(body)) this.#failed = true;
        return 'more';
      case backendTag.commandComplete:
        if (!isSame(body, this.#commands[this.#current]?.completion)) this.#failed = true;
        this.#completed += 1;
        return 'more';
      case backendTag.errorResponse:
        this.#failed = true;
        return 'more';
      case backendTag.readyForQuery:
        return this.#becomeReady(body);
      default:
        return 'outOfTurn';
    }
  }

  lose(): void {
    this.#end();
  }

  #isExpectedRow(body: Uint8Array): boolean {
    const row = parseDataRow(body);
    const expected = this.#commands[this.#current]?.row;
    if (row.kind === 'violation' || expected === undefined) return false;
    return expected.every((value, column) => isSame(value, row.value[column]));
  }

  #becomeReady(body: Uint8Array): Step {
    const status = parseReadyForQuery(body);
    if (status.kind === 'violation') return 'outOfTurn';
    this.statusAtFirst ??= status.value;
    const command = this.#commands[this.#current];
    if (this.#completed !== (command?.completion === undefined ? 0 : 1) || this.#rows !== (command?.row ? 1 : 0))
      this.#failed = true;
    this.#completed = 0;
    this.#rows = 0;
    this.#current += 1;
    if (this.#current < this.#commands.length) return 'more';
    this.succeeded = !this.#failed && status.value === 'idle';
    this.#end();
    return 'over';
  }
}

function isSame(bytes: Uint8Array, other: Uint8Array | null | undefined): boolean {
  if (bytes.length !== other?.length) return false;
  for (let at = 0; at < bytes.length; at += 1) if (bytes[at] !== other[at]) return false;
  return true;
}
