// Commands of our own by simple queries, each with its own ReadyForQuery, in one write. It finds out whether all of them
// did exactly what they are meant to; anything else, an error above all, makes them worthless.

import { type TransactionStatus, backendTag, parseDataRow, parseReadyForQuery } from '@pgwake/pg-wire';
import type { Exchange, Step } from './exchange.js';

export interface Command {
  /** The command tag that it has to answer with; `undefined` for a mere Sync, which has none. */
  readonly tag: string | undefined;
  /** The first columns of its only row. */
  readonly row?: readonly string[];
}

const decoder = new TextDecoder();

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
        if (decoder.decode(body) !== `${this.#commands[this.#current]?.tag}\0`) this.#failed = true;
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
    return expected.every((text, column) => {
      const value = row.value[column];
      return value !== undefined && value !== null && decoder.decode(value) === text;
    });
  }

  #becomeReady(body: Uint8Array): Step {
    const status = parseReadyForQuery(body);
    if (status.kind === 'violation') return 'outOfTurn';
    this.statusAtFirst ??= status.value;
    const command = this.#commands[this.#current];
    if (this.#completed !== (command?.tag === undefined ? 0 : 1) || this.#rows !== (command?.row ? 1 : 0))
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
