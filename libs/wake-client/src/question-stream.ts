// Questions for verifiers over one gRPC stream: each has a number, and answers come in any order. A stream takes questions
// from the moment in which wake-service confirms it, which a version that does not know the call never does, until it ends.
// It asks nothing twice and opens nothing again: whoever gets no answer here makes a call of its own.

import { type ClientDuplexStream, status } from '@grpc/grpc-js';
import type { EndpointAccessRequest } from '@pgwake/wake-api';

/** EndpointAccessQuestion. */
export interface Question {
  readonly id: number;
  readonly request: EndpointAccessRequest;
}

/** EndpointAccessAnswer as proto-loader decodes it: fields left at their default are absent. */
export interface Answer {
  readonly id?: number;
  readonly access?: unknown;
  readonly failure?: { readonly code?: number; readonly message?: string };
}

export type QuestionCall = Pick<ClientDuplexStream<Question, Answer>, 'on' | 'write' | 'end' | 'cancel'>;

export type StreamReply =
  /** GetEndpointAccessResponse, not looked at yet. */
  | { readonly kind: 'answer'; readonly response: unknown }
  /** What a call of its own would have ended with, its deadline included. */
  | { readonly kind: 'failure'; readonly code: status; readonly details: string }
  /** The stream ended first: nobody knows what became of the question. */
  | { readonly kind: 'streamEnded' };

interface OpenQuestion {
  readonly id: number;
  settle(reply: StreamReply): void;
}

/** More questions without an answer are not taken: a wake-service that is late would only be told to be later still. */
export const maxQuestionsOut = 1024;

const streamEnded: StreamReply = { kind: 'streamEnded' };

export class QuestionStream {
  #state: 'opening' | 'confirmed' | 'ended' = 'opening';
  #nextId = 1;
  #answers = 0;
  /** Each at the place that its number names. No Map, which would hold on to what left it (docs/architecture/sql-request.md). */
  readonly #questions = new Array<OpenQuestion | undefined>(maxQuestionsOut).fill(undefined);

  /** `onEnd` is called once, after everybody who waited was told. */
  constructor(
    private readonly call: QuestionCall,
    private readonly onEnd: (wasConfirmed: boolean) => void,
  ) {
    call.on('metadata', () => this.#confirm());
    call.on('data', (answer: Answer) => this.#receive(answer));
    call.on('error', () => undefined); // 'status' follows
    call.on('status', () => this.#end());
  }

  /**
   * `undefined`: not over this stream, or not now. Rejects with the signal's reason when that is aborted; the answer, when
   * it comes, is for nobody then.
   */
  ask(request: EndpointAccessRequest, timeoutMs: number, signal: AbortSignal): Promise<StreamReply> | undefined {
    const id = this.#nextId;
    this.#nextId = (id + 1) >>> 0;
    const place = id % maxQuestionsOut;
    if (this.#state !== 'confirmed' || this.#questions[place] !== undefined) return undefined;
    return new Promise((resolve, reject) => {
      const answersBefore = this.#answers;
      const forget = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', leave);
        this.#questions[place] = undefined;
      };
      const settle = (reply: StreamReply) => {
        forget();
        resolve(reply);
      };
      const leave = () => {
        forget();
        reject(signal.reason as Error);
      };
      const timer = setTimeout(() => {
        settle({ kind: 'failure', code: status.DEADLINE_EXCEEDED, details: `no answer within ${timeoutMs} ms` });
        // Not one answer in all that time: the others out there, and all who come, had better ask in another way.
        if (this.#answers === answersBefore) this.call.cancel();
      }, timeoutMs);
      signal.addEventListener('abort', leave, { once: true });
      this.#questions[place] = { id, settle };
      this.call.write({ id, request });
    });
  }

  /** No more questions. What is out is answered still, as far as the stream can; one that never was confirmed just ends. */
  close(): void {
    if (this.#state === 'opening') this.call.cancel();
    else this.call.end();
    this.#state = 'ended';
  }

  #confirm(): void {
    if (this.#state === 'opening') this.#state = 'confirmed';
  }

  #receive({ id = 0, access, failure }: Answer): void {
    this.#answers += 1;
    const question = this.#questions[id % maxQuestionsOut];
    // Of somebody who left. The place may have been given away, and this must not be taken for the answer of the next one.
    if (question?.id !== id) return;
    if (failure === undefined) question.settle({ kind: 'answer', response: access });
    else question.settle({ kind: 'failure', code: failure.code ?? status.UNKNOWN, details: failure.message ?? '' });
  }

  #end(): void {
    const wasConfirmed = this.#state === 'confirmed';
    this.#state = 'ended';
    for (const question of this.#questions) question?.settle(streamEnded);
    this.onEnd(wasConfirmed);
  }
}
