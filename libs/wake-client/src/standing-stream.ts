// Keeps one stream for questions open, and opens it again whenever it ends: wake-service goes down, lets go of it after some
// minutes, or is of a version that does not know the call yet. Nobody waits for it meanwhile.

import { type Backoff, type Random, jitteredMs } from '@pgwake/connect-core';
import type { EndpointAccessRequest } from '@pgwake/wake-api';
import { type QuestionCall, QuestionStream, type StreamReply } from './question-stream.js';

/** Streams that wake-service did not confirm, in a row. The longest pause costs an old wake-service a call now and then. */
export const reopening: Backoff = { baseMs: 200, factor: 2, capMs: 10_000, maxRetries: Infinity };

export class StandingStream {
  #stream: QuestionStream;
  #unconfirmed = 0;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  /** `openCall` is to wait for a connection; it is called at once. */
  constructor(
    private readonly openCall: () => QuestionCall,
    private readonly random: Random,
  ) {
    this.#stream = this.#open();
  }

  /** See `QuestionStream`. */
  ask(request: EndpointAccessRequest, timeoutMs: number, signal: AbortSignal): Promise<StreamReply> | undefined {
    return this.#stream.ask(request, timeoutMs, signal);
  }

  /** For good. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#stream.close();
  }

  #open(): QuestionStream {
    return new QuestionStream(this.openCall(), (wasConfirmed) => this.#openSoon(wasConfirmed));
  }

  #openSoon(wasConfirmed: boolean): void {
    if (this.#closed) return;
    this.#unconfirmed = wasConfirmed ? 0 : this.#unconfirmed + 1;
    const pauseMs = jitteredMs(reopening, this.#unconfirmed + 1, this.random);
    this.#timer = setTimeout(() => (this.#stream = this.#open()), pauseMs);
  }
}
