// What wake-service said about who may log in, for a short time. An answer that is in use is asked for again in the
// background, before it is too old; whoever needs a newer one waits for it, all together for one question.

import type { EndpointAccessRequest } from '@pgwake/wake-api';
import { LRUCache } from 'lru-cache';
import { orAbort } from './or-abort.js';

export interface Answered<T> {
  readonly answer: T;
  /** When wake-service was asked; what it answered is not older. */
  readonly askedAtMs: number;
}

interface Question<T> {
  readonly askedAtMs: number;
  readonly answered: Promise<Answered<T>>;
}

/** So long a change may go unnoticed. */
const maxAgeMs = 2_000;
const refreshAfterMs = 1_000;
const maxEntries = 10_000;

export class AnswerCache<T> {
  readonly #ask: (request: EndpointAccessRequest, signal: AbortSignal) => Promise<T>;
  readonly #now: () => number;
  readonly #known = new LRUCache<string, Answered<T>>({ max: maxEntries });
  readonly #questions = new Map<string, Question<T>>();

  /** `now`: milliseconds, monotonic. */
  constructor(ask: (request: EndpointAccessRequest, signal: AbortSignal) => Promise<T>, now: () => number) {
    this.#ask = ask;
    this.#now = now;
  }

  /** At most two seconds old. Rejects as `ask` does, or with the reason of `signal`. */
  async read(request: EndpointAccessRequest, signal: AbortSignal): Promise<Answered<T>> {
    return this.readNow(request) ?? this.readSince(request, this.#now() - maxAgeMs, signal);
  }

  /** The same without waiting; `undefined` if nothing is known that is new enough. */
  readNow(request: EndpointAccessRequest): Answered<T> | undefined {
    const now = this.#now();
    const key = keyOf(request);
    const known = this.#known.get(key);
    if (known === undefined || known.askedAtMs < now - maxAgeMs) return undefined;
    // Whoever finds it too old next is told why it could not be had.
    if (known.askedAtMs < now - refreshAfterMs && !this.#questions.has(key)) {
      this.#question(request).answered.catch(() => undefined);
    }
    return known;
  }

  /** What wake-service answered to a question that was asked at `notBeforeMs` or later. */
  async readSince(request: EndpointAccessRequest, notBeforeMs: number, signal: AbortSignal): Promise<Answered<T>> {
    const key = keyOf(request);
    for (;;) {
      const known = this.#known.get(key);
      if (known !== undefined && known.askedAtMs >= notBeforeMs) return known;
      const question = this.#questions.get(key) ?? this.#question(request);
      const isLateEnough = question.askedAtMs >= notBeforeMs;
      await orAbort(isLateEnough ? question.answered : question.answered.catch(() => undefined), signal);
    }
  }

  #question(request: EndpointAccessRequest): Question<T> {
    const key = keyOf(request);
    const askedAtMs = this.#now();
    // Others wait for the answer too, so nobody's leaving ends the question.
    const answered = this.#ask(request, new AbortController().signal)
      .then((answer) => {
        const known = { answer, askedAtMs };
        this.#known.set(key, known);
        return known;
      })
      .finally(() => this.#questions.delete(key));
    const question = { askedAtMs, answered };
    this.#questions.set(key, question);
    return question;
  }
}

function keyOf({ endpoint, role }: EndpointAccessRequest): string {
  return `${endpoint}\0${role}`;
}
