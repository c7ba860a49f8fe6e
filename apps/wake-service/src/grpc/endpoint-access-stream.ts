// GetEndpointAccess over streams that stay, one of each proxy. A question is answered as soon as its answer is there,
// whatever was asked before it. A stream ends when wake-service goes down, and after some minutes in any case: the proxy
// opens the next one, on whichever instance it is connected to by then.

import { Metadata, type ServerDuplexStream, status } from '@grpc/grpc-js';
import { type CallStatus, invalidArgument } from './call-status.js';
import type { GetEndpointAccessRequest, GetEndpointAccessResponse } from './endpoint-access-answer.js';

interface EndpointAccessQuestion {
  readonly id: number;
  /** Null where the proxy sent none. */
  readonly request: GetEndpointAccessRequest | null;
}

type EndpointAccessAnswer =
  | { readonly id: number; readonly access: GetEndpointAccessResponse }
  | { readonly id: number; readonly failure: CallStatus };

export type EndpointAccessCall = ServerDuplexStream<EndpointAccessQuestion, EndpointAccessAnswer>;

export interface EndpointAccessStreamsOptions {
  readonly answer: (request: GetEndpointAccessRequest) => Promise<GetEndpointAccessResponse>;
  /** What the proxy hears of a question that `answer` rejected. */
  readonly toStatus: (error: unknown) => CallStatus;
  /** About so long; not all streams that began together end together. Default 5 minutes. */
  readonly lifetimeMs?: number;
}

/** A stream with more under way is not read until some are answered. Above what a proxy of ours has out (`maxQuestionsOut`). */
const maxUnderWay = 2048;

export class EndpointAccessStreams {
  readonly #open = new Set<AnswerStream>();
  #ended = false;

  constructor(private readonly options: EndpointAccessStreamsOptions) {}

  serve(call: EndpointAccessCall): void {
    if (this.#ended) {
      call.emit('error', { code: status.UNAVAILABLE, details: 'wake-service is going down' });
      return;
    }
    const stream = new AnswerStream(call, this.options, () => this.#open.delete(stream));
    this.#open.add(stream);
  }

  /** Streams that are open on either side. */
  get size(): number {
    return this.#open.size;
  }

  /** Takes no more questions. Each stream ends once what it was asked before is answered. */
  end(): void {
    this.#ended = true;
    for (const stream of this.#open) stream.end();
  }
}

class AnswerStream {
  #underWay = 0;
  #isEnding = false;
  readonly #lifetime: NodeJS.Timeout;

  constructor(
    private readonly call: EndpointAccessCall,
    private readonly options: EndpointAccessStreamsOptions,
    onClose: () => void,
  ) {
    const { lifetimeMs = 300_000 } = options;
    this.#lifetime = setTimeout(() => this.end(), lifetimeMs * (0.9 + 0.2 * Math.random()));
    call.on('data', (question: EndpointAccessQuestion) => void this.#take(question));
    call.on('end', () => this.end());
    call.on('close', () => {
      clearTimeout(this.#lifetime);
      onClose();
    });
    call.sendMetadata(new Metadata());
  }

  end(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    if (this.#underWay === 0) this.call.end();
  }

  async #take({ id, request }: EndpointAccessQuestion): Promise<void> {
    if (this.#isEnding) return;
    this.#underWay += 1;
    if (this.#underWay === maxUnderWay) this.call.pause();
    const answer = await this.#answer(id, request);
    this.#underWay -= 1;
    if (this.call.destroyed) return;
    this.call.write(answer);
    if (this.#isEnding && this.#underWay === 0) this.call.end();
    else if (this.call.isPaused()) this.call.resume();
  }

  async #answer(id: number, request: GetEndpointAccessRequest | null): Promise<EndpointAccessAnswer> {
    if (request === null) return { id, failure: invalidArgument('a question without a request') };
    try {
      return { id, access: await this.options.answer(request) };
    } catch (error) {
      return { id, failure: this.options.toStatus(error) };
    }
  }
}
