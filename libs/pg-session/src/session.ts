// One client session from its first byte to its last, as a straight line: negotiate, authenticate, connect, hand over,
// relay. Each step takes the value that proves the one before. Errors are told to the client here and nowhere else.

import { type CancelKeys, secretBytesOf } from '@pgwake/cancel-keys';
import type { Connector, JourneyReport } from '@pgwake/connect-core';
import { GatewayError, isGatewayError, toErrorResponse } from '@pgwake/gateway-errors';
import type { EndpointId, RoleName, SessionId } from '@pgwake/ids';
import { isAllowedBy } from '@pgwake/ip-networks';
import type { Visit } from '@pgwake/limits';
import { type ComputeConnection, type ComputeNetwork, createPgDial, sendCancel } from '@pgwake/pg-dial';
import { type BackendKey, encodeErrorResponse, encodeNoticeResponse } from '@pgwake/pg-wire';
import type { Relay, RelayEnding } from '@pgwake/relay';
import {
  type AccessPort,
  type Admitted,
  type AuthenticationPolicy,
  type PasswordPort,
  authenticate,
} from './authenticate.js';
import type { ClientTransport, Peer } from './client-transport.js';
import { closeDuplex } from './close-duplex.js';
import { handOver } from './hand-over.js';
import { LoginReader } from './login-reader.js';
import { type Client, negotiate } from './negotiate.js';
import type { StallWatch } from './stall-watch.js';

export interface SessionDeps {
  readonly access: AccessPort;
  readonly passwords: PasswordPort;
  readonly connector: Connector;
  readonly network: ComputeNetwork;
  readonly cancelKeys: CancelKeys;
  readonly stallWatch: StallWatch;
  readonly authentication: AuthenticationPolicy;
  /** From accept to the end of authentication. */
  readonly loginTimeoutMs: number;
  /** A client that waits longer for its compute is told so, once; 0: never. */
  readonly wakeNoticeAfterMs: number;
  readonly observer: SessionObserver;
}

/** Learns what happened, for logs and metrics. */
export interface SessionObserver {
  connected(session: SessionFacts, journey: JourneyReport): void;
  ended(session: SessionFacts, outcome: SessionOutcome): void;
}

export interface SessionFacts {
  readonly sessionId: SessionId;
  readonly peer: Peer;
  readonly encrypted: boolean;
  /** Known once the client has proved its password. */
  readonly admitted: { readonly endpoint: EndpointId; readonly role: RoleName; readonly database: string } | undefined;
}

export type SessionOutcome =
  | { readonly kind: 'relayed'; readonly ending: RelayEnding }
  | { readonly kind: 'refused'; readonly error: GatewayError; readonly journey: JourneyReport | undefined }
  | { readonly kind: 'cancelRequest'; readonly result: CancelResult };

/** `limited`: too many of its source or at a time. `failed`: the compute could not be told. */
export type CancelResult = 'sent' | 'unknownKey' | 'notAllowed' | 'limited' | 'failed';

export interface Session {
  /** Resolves when everything of the session is closed. Never rejects. */
  readonly ended: Promise<void>;
  /** Ends the session as soon as it is idle outside a transaction. A session still connecting may finish that first. */
  drain(): void;
  /** Ends the session now, at a message border where that is possible. */
  end(): void;
}

const cancelLimitMs = 10_000;

/** Ends the visit with itself. */
export function startSession(
  transport: ClientTransport,
  sessionId: SessionId,
  deps: SessionDeps,
  visit: Visit,
): Session {
  const session = new PgSession(transport, sessionId, deps, visit);
  return { ended: session.run(), drain: () => session.drain(), end: () => session.end() };
}

class PgSession {
  readonly #deps: SessionDeps;
  readonly #sessionId: SessionId;
  readonly #visit: Visit;
  readonly #stop = new AbortController();
  #client: Client;
  #protocolMinor = 0;
  #admitted: Admitted | undefined;
  #journey: JourneyReport | undefined;
  #relay: Relay | undefined;
  #draining = false;

  constructor(transport: ClientTransport, sessionId: SessionId, deps: SessionDeps, visit: Visit) {
    this.#deps = deps;
    this.#sessionId = sessionId;
    this.#visit = visit;
    this.#client = { transport, reader: new LoginReader(transport.duplex) };
  }

  async run(): Promise<void> {
    let outcome: SessionOutcome;
    try {
      outcome = await this.#serve();
    } catch (error) {
      const told = isGatewayError(error) ? error : new GatewayError('INTERNAL', { cause: error });
      await this.#refuse(told);
      outcome = { kind: 'refused', error: told, journey: this.#journey };
    }
    this.#visit.end();
    this.#deps.observer.ended(this.#facts(), outcome);
  }

  drain(): void {
    this.#draining = true;
    this.#relay?.finishWhenIdle(drainingWords());
  }

  end(): void {
    this.#stop.abort(new GatewayError('DRAINING'));
    this.#relay?.finish(drainingWords());
  }

  async #serve(): Promise<SessionOutcome> {
    const { access, passwords, authentication: policy, loginTimeoutMs } = this.#deps;
    const visit = this.#visit;
    const login = startLimit(loginTimeoutMs, this.#stop.signal);
    try {
      const negotiated = await negotiate(this.#client, login.signal, (client) => {
        this.#client = client;
      });
      if (negotiated.kind === 'cancel') return await this.#cancel(negotiated.key);
      this.#protocolMinor = negotiated.protocolMinor;
      if (visit.refusal !== undefined) throw visit.refusal;
      this.#admitted = await authenticate(this.#client, negotiated.parameters, {
        sessionId: this.#sessionId,
        access,
        passwords,
        policy,
        visit,
        limit: login.signal,
      });
      visit.takePlace(this.#admitted.endpoint);
    } finally {
      login.release();
    }
    const compute = await this.#connect(this.#admitted);
    return { kind: 'relayed', ending: await this.#relayTo(compute, this.#admitted) };
  }

  async #connect({ endpoint, role, database, parameters, keys }: Admitted): Promise<ComputeConnection> {
    const { reader } = this.#client;
    reader.watchForTerminate();
    const notice = this.#sayThatItWakes();
    const result = await this.#deps.connector
      .connectToCompute({
        endpoint,
        sessionId: this.#sessionId,
        user: role,
        mechanism: createPgDial({ user: role, database, parameters, keys }, this.#deps.network),
        signal: AbortSignal.any([reader.gone, this.#stop.signal]),
      })
      .finally(() => clearTimeout(notice));
    this.#journey = result.report;
    if (!result.ok) {
      this.#stop.signal.throwIfAborted();
      throw result.error;
    }
    this.#deps.observer.connected(this.#facts(), result.report);
    return result.connection;
  }

  /** Between AuthenticationOk and ReadyForQuery every driver takes a notice; earlier, libpq and JDBC do not. */
  #sayThatItWakes(): NodeJS.Timeout | undefined {
    const { wakeNoticeAfterMs } = this.#deps;
    if (wakeNoticeAfterMs === 0) return undefined;
    const words = encodeNoticeResponse({ severity: 'NOTICE', code: '00000', message: 'the database is waking up' });
    return setTimeout(() => this.#client.transport.duplex.write(words), wakeNoticeAfterMs);
  }

  async #relayTo(compute: ComputeConnection, { endpoint, allowedNetworks }: Admitted): Promise<RelayEnding> {
    const { cancelKeys, stallWatch } = this.#deps;
    const { address, generation, identity, backendKey } = compute;
    const key = cancelKeys.issue(
      { endpoint, generation, address, identity, backendKey, allowedNetworks },
      secretBytesOf(this.#protocolMinor),
    );
    try {
      this.#relay = handOver(this.#client, compute, key, stallWatch);
      cancelKeys.share(key);
      if (this.#draining) this.drain();
      if (this.#stop.signal.aborted) this.end();
      return await this.#relay.ended;
    } finally {
      cancelKeys.forget(key);
    }
  }

  /** Never answers, whether the key is known or not, and never wakes anything: a compute that sleeps runs no query. */
  async #cancel(key: BackendKey): Promise<SessionOutcome> {
    const result = await this.#sendCancel(key);
    await this.#close(undefined);
    return { kind: 'cancelRequest', result };
  }

  async #sendCancel(key: BackendKey): Promise<CancelResult> {
    const { cancelKeys, network } = this.#deps;
    if (!this.#visit.beginCancel()) return 'limited';
    const limit = startLimit(cancelLimitMs, this.#stop.signal);
    try {
      const target = await cancelKeys.find(key);
      if (target === undefined) return 'unknownKey';
      if (!isAllowedBy(target.allowedNetworks, this.#client.transport.peer.address)) return 'notAllowed';
      // Waited for until the compute closes: a client that waits for our close sends no query into its own cancel.
      await sendCancel({ ...target, signal: limit.signal }, network);
      return 'sent';
    } catch {
      return 'failed';
    } finally {
      limit.release();
      this.#visit.endCancel();
    }
  }

  async #refuse(error: GatewayError): Promise<void> {
    await this.#close(error.code === 'CLIENT_GONE' ? undefined : encodeErrorResponse(toErrorResponse(error)));
  }

  async #close(lastWords: Uint8Array | undefined): Promise<void> {
    this.#client.reader.release();
    await closeDuplex(this.#client.transport.duplex, lastWords);
  }

  #facts(): SessionFacts {
    const { peer, encryption } = this.#client.transport;
    const { endpoint, role, database } = this.#admitted ?? {};
    return {
      sessionId: this.#sessionId,
      peer,
      encrypted: encryption.kind === 'active',
      admitted: endpoint && role && database ? { endpoint, role, database } : undefined,
    };
  }
}

function drainingWords(): Uint8Array {
  return encodeErrorResponse(toErrorResponse(new GatewayError('DRAINING')));
}

function startLimit(limitMs: number, parent: AbortSignal): { readonly signal: AbortSignal; release(): void } {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(new GatewayError('CLIENT_TOO_SLOW')), limitMs);
  return { signal: AbortSignal.any([controller.signal, parent]), release: () => clearTimeout(timer) };
}
