// Which answers a client of HTTP/1.1 still waits for on one connection. An error that is written beside them would be taken for
// the answer to another request, or stand in the middle of one.

import type { IncomingMessage } from 'node:http';

type Request = Pick<IncomingMessage, 'complete'>;

interface Response {
  readonly headersSent: boolean;
  on(event: 'close', listener: () => void): unknown;
}

export class AnswersDue {
  #latest: { readonly request: Request; readonly response: Response } | undefined;
  #due = 0;
  #onAllGiven: (() => void) | undefined;
  readonly #onChange: (isAnyDue: boolean) => void;

  /** `onChange`: with the first answer that is due, and when there is none any more. */
  constructor(onChange: (isAnyDue: boolean) => void = () => undefined) {
    this.#onChange = onChange;
  }

  /** Requests come in their order, each before the answer to the last one is complete if the client likes. */
  began(request: Request, response: Response): void {
    this.#latest = { request, response };
    this.#due += 1;
    if (this.#due === 1) this.#onChange(true);
    response.on('close', () => {
      this.#due -= 1;
      // It has the password in its headers, and the connection may stay open for long.
      if (this.#latest?.request === request && request.complete) this.#latest = undefined;
      if (this.#due > 0) return;
      this.#onChange(false);
      this.#onAllGiven?.();
    });
  }

  get isAnyDue(): boolean {
    return this.#due > 0;
  }

  /** The last request has not come whole, answered or not. */
  get isReceiving(): boolean {
    return this.#latest !== undefined && !this.#latest.request.complete;
  }

  /**
   * Whether an answer to what came last, which the parser has given up on, would be taken for just that. The broken bytes are
   * the body of the latest request, if that is not complete, and else belong to a request of which nothing is known.
   */
  get mayAnswerBrokenBytes(): boolean {
    if (!this.isReceiving) return this.#due === 0;
    return this.#due === 1 && this.#latest?.response.headersSent === false;
  }

  /** Calls `act` when no answer is due any more, at once if that is so already. */
  onceAllGiven(act: () => void): void {
    this.#onAllGiven = act;
    if (this.#due === 0) act();
  }
}
