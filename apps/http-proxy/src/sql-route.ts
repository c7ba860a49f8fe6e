// POST /sql, from the head of the request to the end of its answer, as a straight line: parse, identify, authenticate, read
// the body, query, answer. What goes wrong on the way is told here. No framework is in the way.

import { performance } from 'node:perf_hooks';
import { ArrivalList, type Standing } from '@pgwake/arrival-list';
import { GatewayError, isGatewayError } from '@pgwake/gateway-errors';
import type { EndpointId, RoleName } from '@pgwake/ids';
import type { PasswordCheck, PasswordProof } from '@pgwake/password-check';
import { type QueryOutcome, type QueryRequest, endOfTurn } from '@pgwake/pg-query';
import {
  type HeaderLines,
  type RequestBody,
  type RequestHeaders,
  type RequestOptions,
  parseRequestBody,
  parseRequestHeaders,
  parseRequestOptions,
} from '@pgwake/sql-over-http';
import type { TokenCheck } from '@pgwake/token-check';
import { type Caller, KnownCallers, createCaller } from './caller.js';
import type { ComputePool } from './compute-pool.js';
import { type Deadline, Deadlines } from './deadlines.js';
import { tell } from './error-answer.js';
import type { Exchange } from './exchange.js';
import { identifyRequest } from './identify-request.js';
import { readBody } from './read-body.js';
import { RequestAbort } from './request-abort.js';
import { createResults } from './results.js';

export interface SqlRouteDeps {
  readonly passwords: PasswordCheck;
  readonly tokens: TokenCheck;
  readonly pool: ComputePool;
  /** Domains under which endpoints have host names. */
  readonly domains: readonly string[];
  readonly limits: SqlLimits;
  readonly observer: SqlObserver;
}

export interface SqlLimits {
  readonly maxRequestBytes: number;
  readonly maxResponseBytes: number;
  readonly receiveTimeoutMs: number;
  readonly requestTimeoutMs: number;
}

export interface SqlObserver {
  /** Called once per request, when its answer is complete or its client gone. */
  served(facts: RequestFacts): void;
}

export interface RequestFacts {
  readonly exchange: Exchange;
  readonly durationMs: number;
  /** As far as it was found out. */
  readonly endpoint: EndpointId | undefined;
  readonly role: RoleName | undefined;
  /** What the client was told, or that it left. */
  readonly error: GatewayError | undefined;
}

/** A request under way. */
class Call {
  readonly exchange: Exchange;
  readonly startedMs = performance.now();
  readonly abort = new RequestAbort();
  isOver = false;
  readonly standing: Standing<Call>;
  readonly timeout: Deadline<Call>;
  slowBody: Deadline<Call> | undefined;
  /** Set by the client. */
  limit: NodeJS.Timeout | undefined;
  endpoint: EndpointId | undefined;
  role: RoleName | undefined;
  error: GatewayError | undefined;

  constructor(exchange: Exchange, underWay: ArrivalList<Call>, timeouts: Deadlines<Call>) {
    this.exchange = exchange;
    this.standing = underWay.add(this);
    this.timeout = timeouts.add(this, this.startedMs);
  }
}

interface Claim {
  readonly endpoint: EndpointId;
  readonly role: RoleName;
  readonly headers: RequestHeaders;
}

export class SqlRoute {
  readonly #deps: SqlRouteDeps;
  readonly #callers = new KnownCallers();
  readonly #underWay = new ArrivalList<Call>();

  readonly #timeouts: Deadlines<Call>;
  readonly #slowBodies: Deadlines<Call>;

  constructor(deps: SqlRouteDeps) {
    const { requestTimeoutMs, receiveTimeoutMs } = deps.limits;
    this.#deps = deps;
    this.#timeouts = new Deadlines(requestTimeoutMs, ({ abort }) => abort.abort(timedOut(requestTimeoutMs)));
    this.#slowBodies = new Deadlines(receiveTimeoutMs, ({ abort }) => abort.abort(new GatewayError('CLIENT_TOO_SLOW')));
  }

  get underWay(): readonly Exchange[] {
    return this.#underWay.toArray().map(({ exchange }) => exchange);
  }

  /** Resolves when the request is answered, or its client gone. Never rejects. */
  async serve(exchange: Exchange): Promise<void> {
    const { pool, limits } = this.#deps;
    const call = this.#begin(exchange);
    const { abort } = call;
    try {
      const lines = exchange.headers;
      const known = this.#callers.find(lines);
      const headers = known === undefined ? parseRequestHeaders(lines) : parseRequestOptions(lines);
      const { timeoutMs = Infinity } = headers;
      if (timeoutMs < limits.requestTimeoutMs) {
        call.limit = setTimeout(() => abort.abort(timedOut(timeoutMs)), timeoutMs);
      }
      const caller = known !== undefined && this.#recognise(call, known) ? known : await this.#meet(call, lines);
      // Not before: who cannot log in cannot make us keep ten megabytes.
      call.slowBody = this.#slowBodies.add(call, performance.now());
      const body = parseRequestBody(await readBody(exchange, limits.maxRequestBytes, abort));
      this.#slowBodies.delete(call.slowBody);
      const results = createResults(exchange, {
        headers,
        body,
        maxBytes: limits.maxResponseBytes,
        onTooLarge: (error) => abort.abort(error),
      });
      const request = toQueryRequest(body, headers);
      const outcome =
        request.statements.length === 0
          ? nothingToDo
          : await pool.use({ caller, pooled: headers.pooled, sessionId: exchange.id, abort }, (connection) =>
              results.take(connection, (sink) => connection.run(request, sink, abort)),
            );
      // Other answers, and other requests for computes, are there to be read: first all of them, then to all who wait.
      await endOfTurn();
      if (outcome.kind === 'done') results.done();
      else {
        call.error = outcome.error;
        results.failed(outcome.error, body.kind === 'batch' ? outcome.statement : undefined);
      }
    } catch (error) {
      call.error = isGatewayError(error) ? error : new GatewayError('INTERNAL', { cause: error });
      tell(exchange, call.error);
    }
    this.#end(call);
  }

  /** Ends what is under way; everybody is told DRAINING. */
  endAll(): void {
    for (const { abort } of this.#underWay.toArray()) abort.abort(new GatewayError('DRAINING'));
  }

  #begin(exchange: Exchange): Call {
    const call = new Call(exchange, this.#underWay, this.#timeouts);
    exchange.onceGone(() => {
      if (!call.isOver) call.abort.abort(new GatewayError('CLIENT_GONE'));
    });
    return call;
  }

  #end(call: Call): void {
    const { exchange, endpoint, role, error } = call;
    call.isOver = true;
    clearTimeout(call.limit);
    this.#underWay.remove(call.standing);
    this.#timeouts.delete(call.timeout);
    if (call.slowBody !== undefined) this.#slowBodies.delete(call.slowBody);
    this.#deps.observer.served({ exchange, durationMs: performance.now() - call.startedMs, endpoint, role, error });
  }

  /** False: it has to prove itself. */
  #recognise(call: Call, { endpoint, role, proof }: Caller): boolean {
    const { client, id: sessionId } = call.exchange;
    call.endpoint = endpoint;
    call.role = role;
    if (client.refusal !== undefined) throw client.refusal;
    client.requireTries(endpoint);
    if (!this.#deps.passwords.stillProves(proof, { endpoint, role, sessionId, address: client.address })) return false;
    client.passwordProved(endpoint);
    return true;
  }

  /** The long way. */
  async #meet(call: Call, lines: HeaderLines): Promise<Caller> {
    const headers = parseRequestHeaders(lines);
    const { user: role, database } = headers.connection;
    const { endpoint, parameters } = identifyRequest(headers.connection, this.#deps.domains);
    call.endpoint = endpoint;
    call.role = role;
    const proof = await this.#prove(call, { endpoint, role, headers });
    const caller = createCaller({ endpoint, role, database, parameters, proof });
    if (headers.token === undefined) this.#callers.remember(lines, caller);
    return caller;
  }

  /** Whoever has used up his tries is refused even with the right password, otherwise guessing could go on. */
  async #prove({ exchange, abort }: Call, { endpoint, role, headers }: Claim): Promise<PasswordProof> {
    const { client, id: sessionId } = exchange;
    const { passwords, tokens } = this.#deps;
    const { token, connection } = headers;
    const login = { endpoint, role, sessionId, address: client.address };
    if (client.refusal !== undefined) throw client.refusal;
    client.requireTries(endpoint);
    const [outcome] = await Promise.allSettled([
      token === undefined
        ? passwords.prove({ ...login, password: connection.password }, abort.signal)
        : tokens.prove({ ...login, token }, abort.signal),
    ]);
    abort.signal.throwIfAborted();
    // Again, before anything is told of the password: many others may have failed in the meantime.
    client.requireTries(endpoint);
    if (outcome.status === 'rejected') {
      if (isPasswordFailure(outcome.reason)) client.passwordFailed(endpoint);
      throw outcome.reason;
    }
    client.passwordProved(endpoint);
    return outcome.value;
  }
}

const nothingToDo: QueryOutcome = { kind: 'done' };

function toQueryRequest(body: RequestBody, { transaction }: RequestOptions): QueryRequest {
  // Alone a statement is a transaction of its own, or may be one of those that run in none.
  return body.kind === 'single' ? { statements: [body.statement] } : { statements: body.statements, transaction };
}

function isPasswordFailure(error: unknown): boolean {
  return isGatewayError(error) && error.code === 'PASSWORD_FAILED';
}

function timedOut(limitMs: number): GatewayError {
  return new GatewayError('REQUEST_TIMED_OUT', { params: { limit: String(limitMs) } });
}
