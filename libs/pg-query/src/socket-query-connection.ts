// A session at a compute that answers queries, over the socket of a dial. It knows for each byte that arrives what it belongs
// to, and ends itself in any doubt. It decides nothing about when it is used: that is the pool's.

import type { Socket } from 'node:net';
import type { AbortNotice } from '@pgwake/connect-core';
import { GatewayError, isGatewayError } from '@pgwake/gateway-errors';
import type { Generation } from '@pgwake/ids';
import { sendCancel } from '@pgwake/pg-dial';
import { FrontendWriter, MessageScanner, backendTag, encodeTerminate, parseParameterStatus } from '@pgwake/pg-wire';
import { CommandExchange } from './command-exchange.js';
import type { Exchange } from './exchange.js';
import { Outbox } from './outbox.js';
import type { QueryConnection, QueryConnectionParts, QueryOutcome } from './query-connection.js';
import { type QueryRequest, encodeRequest } from './query-request.js';
import { RequestExchange } from './request-exchange.js';
import { type CommandBatch, type Resets, createResets, encodeCheck } from './reset-commands.js';
import type { ResultSink } from './result-sink.js';
import { notSupported } from './server-error.js';

/** Takes over a connection that is idle after its login, with `client_encoding` UTF8. */
export function createQueryConnection(parts: QueryConnectionParts): QueryConnection {
  return new SocketQueryConnection(parts);
}

class SocketQueryConnection implements QueryConnection {
  readonly generation: Generation;
  readonly pid: number;
  touched = false;
  closed = false;
  lostUnsent = false;
  readonly #parts: QueryConnectionParts;
  readonly #socket: Socket;
  readonly #scanner: MessageScanner;
  /** In the order of what was sent; the first one is being answered. */
  readonly #exchanges: Exchange[] = [];
  /** Since the last reset. */
  #request: RequestExchange | undefined;
  /** The outbox knows it by this. */
  #requestSending = 0;
  /** The request cannot be told apart from what it leaves behind. */
  #leavesTraces = false;
  /** The request may leave a transaction open, so a reset behind it would run in that. */
  #mayStayOpen = false;
  #resetting = false;
  /** A cancel is on its way to the compute, or has been. */
  #cancelling: Promise<void> | undefined;
  readonly #resets: Resets;
  readonly #outbox: Outbox;
  #onClosed: (() => void) | undefined;
  readonly #endWatch: (() => void) | undefined;

  constructor(parts: QueryConnectionParts) {
    const { connection, generation, settings } = parts;
    this.#parts = parts;
    this.generation = generation;
    this.pid = connection.backendKey.pid;
    this.#socket = connection.socket;
    this.#outbox = new Outbox(connection);
    this.#scanner = new MessageScanner({ maxBodyBytes: settings.maxMessageBytes });
    this.#resets = createResets(parts.user);
    const socket = this.#socket;
    socket.on('data', this.#onData);
    socket.on('error', (error) => this.#lose(lost(error.message)));
    socket.on('end', () => this.#lose(lost('the compute closed the connection')));
    socket.on('close', () => this.#lose(lost('the connection closed')));
    this.#endWatch = settings.watchSilence?.(socket, {
      isAnswerDue: () => this.#exchanges.length > 0,
      onLost: (cause) => this.#lose(lost(cause.message)),
    });
    // It may have failed between the dial and now; its events are over then.
    if (socket.destroyed || socket.readableEnded) this.#lose(lost('the compute closed the connection'));
    if (connection.residue.length > 0) this.#onData(connection.residue);
    connection.reads?.lend({
      takeLent: (bytes) => {
        this.#onData(bytes);
        return 'returned';
      },
    });
    if (!this.closed) socket.resume();
  }

  run(request: QueryRequest, sink: ResultSink, signal: AbortNotice): Promise<QueryOutcome> {
    if (this.#request !== undefined || this.#resetting)
      throw new Error('one request at a time, and a reset before the next');
    if (signal.aborted) return Promise.resolve(failed(abortError(signal)));
    if (this.closed) return Promise.resolve(failed(new GatewayError('COMPUTE_LOST')));
    try {
      encodeRequest(request, this.#outbox.writer);
    } catch (error) {
      this.#outbox.writer.clear();
      if (!isGatewayError(error)) throw error;
      return Promise.resolve(failed(error));
    }
    const exchange = new RequestExchange(request, sink);
    this.touched = true;
    this.#request = exchange;
    this.#leavesTraces = request.statements.some(({ text }) => mentionsTraces.test(text));
    this.#mayStayOpen =
      request.transaction !== undefined || request.statements.some(({ text }) => opensBlock.test(text));
    this.#requestSending = this.#sendSoon(exchange);
    const onAbort = () => this.#cancel(exchange);
    signal.addEventListener('abort', onAbort, { once: true });
    return exchange.ended.then(() => {
      signal.removeEventListener('abort', onAbort);
      if (signal.aborted) return this.#cancelled(signal);
      return exchange.failure === undefined ? done : { kind: 'failed', ...exchange.failure };
    });
  }

  resume(): void {
    this.#socket.resume();
  }

  async reset(): Promise<boolean> {
    if (!this.touched || this.closed) return !this.closed;
    if (this.#resetting) throw new Error('a reset is under way');
    this.#resetting = true;
    const behind = this.#sendBehindRequest();
    await behind?.ended;
    // A cancel may have been meant for the request and have hit the reset, or be about to hit what comes next.
    const clean =
      behind?.succeeded === true && this.#cancelling === undefined
        ? this.#request?.loadedLibrary !== true
        : await this.#resetAfterwards();
    this.#resetting = false;
    if (!clean || this.closed) return false;
    this.touched = false;
    this.#request = undefined;
    this.#cancelling = undefined;
    return true;
  }

  async check(): Promise<boolean> {
    if (this.closed || this.#exchanges.length > 0) return false;
    const exchange = this.#sendCommand(encodeCheck());
    await exchange.ended;
    return exchange.succeeded;
  }

  close(): void {
    if (this.closed) return;
    const idle = this.#exchanges.length === 0;
    // A farewell, otherwise the compute's log says that a client broke off. One at work would not read it.
    if (idle && this.#socket.writable) this.#socket.write(encodeTerminate());
    this.#lose(lost('the gateway ended the connection'), idle ? 'afterWrites' : 'now');
  }

  onClosed(listener: () => void): void {
    if (this.closed) listener();
    else this.#onClosed = listener;
  }

  /** Without a round trip, if the request leaves the session as every request may. */
  #sendBehindRequest(): CommandExchange | undefined {
    return this.#leavesTraces || this.#mayStayOpen ? undefined : this.#sendCommand(this.#resets.behind());
  }

  async #resetAfterwards(): Promise<boolean> {
    const request = this.#request;
    await request?.ended;
    await this.#cancelling;
    if (this.closed || this.#leavesTraces || request?.loadedLibrary === true) return false;
    const exchange = this.#sendCommand(this.#resets.afterwards({ rollBack: request?.status !== 'idle' }));
    await exchange.ended;
    return exchange.succeeded;
  }

  #sendCommand({ bytes, answer }: CommandBatch): CommandExchange {
    const exchange = new CommandExchange(answer);
    this.#outbox.writer.messages(bytes);
    this.#sendSoon(exchange);
    return exchange;
  }

  #sendSoon(exchange: Exchange): number {
    this.#exchanges.push(exchange);
    return this.#outbox.sendSoon();
  }

  async #cancelled(signal: AbortNotice): Promise<QueryOutcome> {
    await this.#cancelling;
    return failed(abortError(signal));
  }

  #cancel(exchange: RequestExchange): void {
    if (exchange.status !== undefined || this.closed) return;
    exchange.discard();
    // The cancel must not be there before it.
    this.#outbox.flush();
    this.#socket.resume();
    this.#cancelling = this.#requestCancel(exchange);
  }

  /** Resolves when the cancel has been delivered and the request is over, or the connection is closed. */
  async #requestCancel(exchange: RequestExchange): Promise<void> {
    const { connection, network, settings } = this.#parts;
    const { address, identity, backendKey } = connection;
    const limit = setTimeout(() => this.#lose(lost('a cancelled request did not end')), settings.cancelLimitMs);
    try {
      const signal = AbortSignal.timeout(settings.cancelLimitMs);
      await sendCancel({ address, identity, backendKey, signal }, network);
      await exchange.ended;
    } catch (error) {
      // It may arrive yet, in somebody else's query.
      this.#lose(lost(error instanceof Error ? error.message : String(error)));
    } finally {
      clearTimeout(limit);
    }
  }

  readonly #onData = (chunk: Uint8Array): void => {
    this.#scanner.push(chunk);
    if (this.#isRestWhole()) return;
    let pause = false;
    try {
      while (!this.closed) {
        const scan = this.#scanner.next();
        if (scan === 'incomplete') break;
        if (scan !== 'message') return this.#lose(scan === 'tooLong' ? tooLong() : protocolError('message length'));
        const { tag, body } = this.#scanner;
        const exchange = this.#exchanges[0];
        const step = this.#isOutOfBand(tag, body)
          ? 'more'
          : this.#isAnswered(exchange)
            ? exchange.take(tag, body)
            : 'outOfTurn';
        if (step === 'pause') pause = true;
        else if (step === 'over') {
          this.#exchanges.shift();
          pause = false;
          if (this.#isRestWhole()) break;
        } else if (step === 'outOfTurn') this.#lose(outOfTurn(tag));
        else if (step === 'close') this.#lose(lost('the compute ended the session'));
        else if (step === 'refuseCopy') this.#refuseCopy();
      }
    } catch (error) {
      // A sink that throws must not end the process.
      this.#lose(new GatewayError('INTERNAL', { detail: 'a result could not be taken', cause: error }));
    }
    if (pause && !this.closed) this.#socket.pause();
  };

  /** Whether something may come for it: it has gone out. */
  #isAnswered(exchange: Exchange | undefined): exchange is Exchange {
    return exchange !== undefined && (exchange !== this.#request || this.#outbox.hasSent(this.#requestSending));
  }

  /** Whether all that is left of the chunk is one whole answer, such as that to a reset: then it is taken. */
  #isRestWhole(): boolean {
    const next = this.#exchanges[0];
    if (next === undefined || !this.#scanner.isBetweenMessages || !next.takeWhole(this.#scanner.rest)) return false;
    this.#exchanges.shift();
    this.#scanner.dropRest();
    return true;
  }

  /** What a compute may say at any time. It is nobody's answer. */
  #isOutOfBand(tag: number, body: Uint8Array): boolean {
    switch (tag) {
      case backendTag.noticeResponse:
      case backendTag.notificationResponse:
        return true;
      case backendTag.parameterStatus: {
        const status = parseParameterStatus(body);
        if (status.kind === 'violation') return false;
        const { name, value } = status.value;
        // The rows behind it would be taken for UTF-8.
        if (name === 'client_encoding' && value !== 'UTF8') this.#lose(notSupported('client_encoding must stay UTF8'));
        return true;
      }
      default:
        return false;
    }
  }

  #refuseCopy(): void {
    // Otherwise the compute's log says that a client broke off in a COPY.
    this.#socket.write(new FrontendWriter().copyFail('COPY is not possible here').bytes());
    this.#socket.write(encodeTerminate());
    this.#lose(lost('ended in a COPY'), 'afterWrites');
  }

  #lose(error: GatewayError, when: 'now' | 'afterWrites' = 'now'): void {
    if (this.closed) return;
    this.closed = true;
    if (when === 'afterWrites') this.#socket.destroySoon();
    else this.#socket.destroy();
    this.#endWatch?.();
    this.lostUnsent = this.#request !== undefined && !this.#outbox.hasSent(this.#requestSending);
    const truth = this.lostUnsent ? new GatewayError('COMPUTE_LOST', { cause: error }) : error;
    for (const exchange of this.#exchanges.splice(0)) exchange.lose(truth);
    this.#onClosed?.();
  }
}

/** What DISCARD ALL does not take back and nobody can see from outside: connections that dblink keeps by name. */
const mentionsTraces = /dblink/i;
const opensBlock = /^\s*(begin|start)\b/i;

const done: QueryOutcome = { kind: 'done' };

function failed(error: GatewayError): QueryOutcome {
  return { kind: 'failed', error, statement: undefined };
}

function abortError({ reason }: AbortNotice): GatewayError {
  return isGatewayError(reason) ? reason : new GatewayError('CLIENT_GONE', { cause: reason });
}

function lost(detail: string): GatewayError {
  return new GatewayError('COMPUTE_LOST_IN_QUERY', { detail });
}

function protocolError(what: string): GatewayError {
  return lost(`the compute broke the protocol: ${what}`);
}

function outOfTurn(tag: number): GatewayError {
  return protocolError(`message ${JSON.stringify(String.fromCharCode(tag))} out of turn`);
}

function tooLong(): GatewayError {
  return new GatewayError('RESULT_TOO_LARGE', { detail: 'one message of the compute' });
}
