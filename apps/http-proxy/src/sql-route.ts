// POST /sql, from the head of the request to the end of its answer, as a straight line: parse, identify, authenticate, read
// the body, query, answer. What goes wrong on the way is told here. No framework is in the way.

import { performance } from 'node:perf_hooks';
import { GatewayError, isGatewayError } from '@pgwake/gateway-errors';
import type { EndpointId, RoleName } from '@pgwake/ids';
import type { PasswordCheck, PasswordProof } from '@pgwake/password-check';
import type { QueryRequest } from '@pgwake/pg-query';
import { type RequestBody, type RequestHeaders, parseRequestBody, parseRequestHeaders } from '@pgwake/sql-over-http';
import type { TokenCheck } from '@pgwake/token-check';
import type { ComputePool } from './compute-pool.js';
import { tell } from './error-answer.js';
import type { Exchange } from './exchange.js';
import { identifyRequest } from './identify-request.js';
import { readBody } from './read-body.js';
import { createResults, readOnDrain } from './results.js';

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
interface Call {
  readonly exchange: Exchange;
  readonly startedMs: number;
  /** Its reason is a GatewayError. */
  readonly abort: AbortController;
  endpoint?: EndpointId;
  role?: RoleName;
  error?: GatewayError;
}

interface Claim {
  readonly endpoint: EndpointId;
  readonly role: RoleName;
  readonly headers: RequestHeaders;
}

export class SqlRoute {
  readonly #deps: SqlRouteDeps;
  readonly #underWay = new Set<Call>();

  constructor(deps: SqlRouteDeps) {
    this.#deps = deps;
  }

  get underWay(): readonly Exchange[] {
    return [...this.#underWay].map(({ exchange }) => exchange);
  }

  /** Resolves when the request is answered, or its client gone. Never rejects. */
  async serve(exchange: Exchange): Promise<void> {
    const call: Call = { exchange, startedMs: performance.now(), abort: new AbortController() };
    const onClose = () => call.abort.abort(new GatewayError('CLIENT_GONE'));
    const { response } = exchange;
    response.on('close', onClose);
    // 'close' follows. An 'error' that nobody hears would end the process.
    response.on('error', ignore);
    this.#underWay.add(call);
    try {
      await this.#answer(call);
    } catch (error) {
      call.error = isGatewayError(error) ? error : new GatewayError('INTERNAL', { cause: error });
      tell(exchange, call.error);
    }
    this.#underWay.delete(call);
    response.off('close', onClose);
    const { endpoint, role, error } = call;
    this.#deps.observer.served({ exchange, durationMs: performance.now() - call.startedMs, endpoint, role, error });
  }

  /** Ends what is under way; everybody is told DRAINING. */
  endAll(): void {
    for (const { abort } of this.#underWay) abort.abort(new GatewayError('DRAINING'));
  }

  async #answer(call: Call): Promise<void> {
    const { requestTimeoutMs } = this.#deps.limits;
    const headers = parseRequestHeaders(call.exchange.request.headers);
    const limitMs = Math.min(requestTimeoutMs, headers.timeoutMs ?? Infinity);
    const limit = setTimeout(() => call.abort.abort(timedOut(limitMs)), limitMs);
    try {
      await this.#query(call, headers);
    } finally {
      clearTimeout(limit);
    }
  }

  async #query(call: Call, headers: RequestHeaders): Promise<void> {
    const { pool, domains, limits } = this.#deps;
    const { exchange, abort } = call;
    const { id: sessionId } = exchange;
    const { user: role, database } = headers.connection;
    const { endpoint, parameters } = identifyRequest(headers.connection, domains);
    call.endpoint = endpoint;
    call.role = role;
    const proof = await this.#prove(call, { endpoint, role, headers });

    // Not before: who cannot log in cannot make us keep ten megabytes.
    const body = parseRequestBody(await this.#receive(call));
    const results = createResults(exchange, {
      headers,
      body,
      maxBytes: limits.maxResponseBytes,
      onTooLarge: (error) => abort.abort(error),
    });
    const request = toQueryRequest(body, headers);
    if (request.statements.length === 0) return results.done();

    const { pooled } = headers;
    const outcome = await pool.use(
      { endpoint, role, database, parameters, proof, pooled, sessionId, signal: abort.signal },
      async (connection) => {
        const release = readOnDrain(exchange, connection);
        const ended = await connection.run(request, results.sink, abort.signal);
        release();
        return ended;
      },
    );
    if (outcome.kind === 'done') return results.done();
    call.error = outcome.error;
    results.failed(outcome.error, body.kind === 'batch' ? outcome.statement : undefined);
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

  async #receive({ exchange, abort }: Call): Promise<Uint8Array> {
    const { maxRequestBytes, receiveTimeoutMs } = this.#deps.limits;
    const limit = setTimeout(() => abort.abort(new GatewayError('CLIENT_TOO_SLOW')), receiveTimeoutMs);
    try {
      return await readBody(exchange.request, maxRequestBytes, abort.signal);
    } finally {
      clearTimeout(limit);
    }
  }
}

function toQueryRequest(body: RequestBody, { transaction }: RequestHeaders): QueryRequest {
  // Alone a statement is a transaction of its own, or may be one of those that run in none.
  return body.kind === 'single' ? { statements: [body.statement] } : { statements: body.statements, transaction };
}

function isPasswordFailure(error: unknown): boolean {
  return isGatewayError(error) && error.code === 'PASSWORD_FAILED';
}

function timedOut(limitMs: number): GatewayError {
  return new GatewayError('REQUEST_TIMED_OUT', { params: { limit: String(limitMs) } });
}

function ignore(): void {
  return undefined;
}
