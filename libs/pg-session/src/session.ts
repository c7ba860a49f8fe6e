// One client session from its first byte to its last, as a straight line: negotiate, authenticate, connect, hand over,
// relay. Each step takes the value that proves the one before. Errors are told to the client here and nowhere else.

import { type CancelKeys, type KeyName, keyOf, nameOf, secretBytesOf } from '@pgwake/cancel-keys';
import type { ScramVerifier } from '@pgwake/client-auth';
import type { Connector, JourneyReport, JourneyResult } from '@pgwake/connect-core';
import { GatewayError, isGatewayError, toErrorResponse } from '@pgwake/gateway-errors';
import type { EndpointId, RoleName, SessionId } from '@pgwake/ids';
import type { Visit } from '@pgwake/limits';
import { type ComputeConnection, type ComputeNetwork, createPgDial } from '@pgwake/pg-dial';
import { type BackendKey, encodeErrorResponse, encodeNoticeResponse } from '@pgwake/pg-wire';
import type { Relay, RelayEnding } from '@pgwake/relay';
import {
  type AccessPort,
  type Admitted,
  type Applicant,
  type AuthenticationPolicy,
  type PasswordPort,
  authenticate,
} from './authenticate.js';
import type { ClientTransport, Peer } from './client-transport.js';
import { type CancelResult, passOnCancel } from './cancel-request.js';
import { closeDuplex } from './close-duplex.js';
import { handOver } from './hand-over.js';
import { joinSignals } from './join-signals.js';
import { LoginReader } from './login-reader.js';
import type { LoginAhead, LoginsAhead } from './logins-ahead.js';
import { type Client, negotiate } from './negotiate.js';
import type { SilenceWatch } from './silence-watch.js';
import type { StallWatch } from './stall-watch.js';
import { startLimit } from './time-limit.js';
import type { WatchedRelay } from './watched-relay.js';

export interface SessionDeps {
  readonly access: AccessPort;
  readonly passwords: PasswordPort;
  readonly connector: Pick<Connector, 'connectToCompute'>;
  readonly network: ComputeNetwork;
  /** Without it no compute is dialled before its client has proved itself. */
  readonly loginsAhead?: LoginsAhead | undefined;
  readonly cancelKeys: CancelKeys;
  readonly stallWatch: StallWatch;
  readonly silenceWatch: SilenceWatch;
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
  | CancelOutcome;

interface CancelOutcome {
  readonly kind: 'cancelRequest';
  readonly result: CancelResult;
}

export interface Session {
  /** Ends the session as soon as it is idle outside a transaction. A session still connecting may finish that first. */
  drain(): void;
  /** Ends the session now, at a message border where that is possible. */
  end(): void;
}

/**
 * Ends the visit with itself. `onEnded`: everything of the session is closed; never before this returns. Make one function for all
 * sessions: each keeps it.
 */
export function startSession(
  transport: ClientTransport,
  sessionId: SessionId,
  deps: SessionDeps,
  visit: Visit,
  onEnded: (session: Session) => void,
): Session {
  return new PgSession(transport, sessionId, deps, visit, onEnded);
}

/** What only the way to the relay needs. It is let go of there: most sessions are idle, and keep what they have for hours. */
interface Arrival {
  readonly stop: AbortController;
  client: Client;
  ahead: LoginAhead | undefined;
  journey: JourneyReport | undefined;
}

interface AdmittedClient {
  readonly kind: 'admitted';
  readonly login: Admitted;
  readonly protocolMinor: number;
}

/** The end of a journey that found its compute. */
type Reached = Extract<JourneyResult<ComputeConnection>, { ok: true }>;

interface Relaying {
  readonly kind: 'relaying';
}

class PgSession implements Session {
  readonly #deps: SessionDeps;
  readonly #visit: Visit;
  readonly #onEnded: (session: Session) => void;
  #facts: SessionFacts;
  #arrival: Arrival | undefined;
  #relay: Relay | undefined;
  #draining = false;

  constructor(
    transport: ClientTransport,
    sessionId: SessionId,
    deps: SessionDeps,
    visit: Visit,
    onEnded: (session: Session) => void,
  ) {
    this.#deps = deps;
    this.#visit = visit;
    this.#onEnded = onEnded;
    this.#facts = { sessionId, peer: transport.peer, encrypted: isEncrypted(transport), admitted: undefined };
    const client = { transport, reader: new LoginReader(transport.duplex) };
    this.#arrival = { stop: new AbortController(), client, ahead: undefined, journey: undefined };
    void this.#run();
  }

  drain(): void {
    this.#draining = true;
    this.#relay?.finishWhenIdle(drainingWords());
  }

  end(): void {
    this.#arrival?.stop.abort(new GatewayError('DRAINING'));
    this.#relay?.finish(drainingWords());
  }

  /** Not up to the end of the relay: an async function that waits is kept with all its promises, and this wait takes hours. */
  async #run(): Promise<void> {
    const arrived = await this.#arrive();
    if (arrived.kind !== 'relaying') this.#end(arrived);
  }

  #end(outcome: SessionOutcome): void {
    this.#visit.end();
    this.#deps.observer.ended(this.#facts, outcome);
    this.#onEnded(this);
  }

  async #arrive(): Promise<Relaying | SessionOutcome> {
    const arrival = this.#arrival;
    if (arrival === undefined) throw new Error('a session arrives once');
    try {
      return await this.#serve(arrival);
    } catch (thrown) {
      const error = isGatewayError(thrown) ? thrown : new GatewayError('INTERNAL', { cause: thrown });
      if (error.code === 'PASSWORD_FAILED') arrival.ahead?.proofFailed();
      arrival.ahead?.end();
      await close(arrival.client, error.code === 'CLIENT_GONE' ? undefined : wordsOf(error));
      return { kind: 'refused', error, journey: arrival.journey };
    } finally {
      this.#arrival = undefined;
    }
  }

  async #serve(arrival: Arrival): Promise<Relaying | SessionOutcome> {
    const login = startLimit(this.#deps.loginTimeoutMs, arrival.stop.signal);
    const admitted = await this.#admit(arrival, login.signal).finally(() => login.release());
    if (admitted.kind === 'cancelRequest') return admitted;
    const { connection, report } = await this.#connect(arrival, admitted.login);
    const relaying = this.#relayTo(connection, admitted, arrival);
    // Last: the client waits for the handover, and nobody for this.
    this.#deps.observer.connected(this.#facts, report);
    return relaying;
  }

  async #admit(arrival: Arrival, limit: AbortSignal): Promise<AdmittedClient | CancelOutcome> {
    const { access, passwords, authentication: policy } = this.#deps;
    const { sessionId } = this.#facts;
    const visit = this.#visit;
    const negotiated = await negotiate(arrival.client, limit, (client) => {
      arrival.client = client;
      this.#facts = { ...this.#facts, encrypted: isEncrypted(client.transport) };
    });
    if (negotiated.kind === 'cancel') return this.#cancel(arrival, negotiated.key);
    if (visit.refusal !== undefined) throw visit.refusal;
    const onAwaitingProof = (applicant: Applicant, verifier: ScramVerifier) =>
      this.#beginAhead(arrival, applicant, verifier);
    const parts = { sessionId, access, passwords, policy, visit, limit, onAwaitingProof };
    const login = await authenticate(arrival.client, negotiated.parameters, parts);
    const { endpoint, role, database } = login;
    this.#facts = { ...this.#facts, admitted: { endpoint, role, database } };
    visit.takePlace(endpoint);
    return { kind: 'admitted', login, protocolMinor: negotiated.protocolMinor };
  }

  #beginAhead(arrival: Arrival, { endpoint, role, database, parameters }: Applicant, verifier: ScramVerifier): void {
    const name = { source: this.#facts.peer.address, endpoint, role };
    arrival.ahead = this.#deps.loginsAhead?.begin(name, { user: role, database, parameters }, verifier);
  }

  async #connect(arrival: Arrival, login: Admitted): Promise<Reached> {
    const { connector, network } = this.#deps;
    const { endpoint, role, database, parameters, keys } = login;
    const { client, stop, ahead } = arrival;
    client.reader.watchForTerminate();
    const notice = this.#sayThatItWakes(client);
    const left = joinSignals(client.reader.gone, stop.signal);
    const result = await connector
      .connectToCompute({
        endpoint,
        sessionId: this.#facts.sessionId,
        user: role,
        mechanism: createPgDial({ user: role, database, parameters, keys }, network, ahead?.dial),
        signal: left.signal,
      })
      .finally(() => {
        clearTimeout(notice);
        left.release();
      });
    arrival.journey = result.report;
    if (!result.ok) {
      stop.signal.throwIfAborted();
      throw result.error;
    }
    ahead?.reachedCompute({ generation: result.connection.generation, keys });
    ahead?.end();
    return result;
  }

  /** Between AuthenticationOk and ReadyForQuery every driver takes a notice; earlier, libpq and JDBC do not. */
  #sayThatItWakes({ transport }: Client): NodeJS.Timeout | undefined {
    const { wakeNoticeAfterMs } = this.#deps;
    if (wakeNoticeAfterMs === 0) return undefined;
    return setTimeout(() => {
      const notice = { severity: 'NOTICE', code: '00000', message: 'the database is waking up' };
      transport.duplex.write(encodeNoticeResponse(notice));
    }, wakeNoticeAfterMs);
  }

  #relayTo(compute: ComputeConnection, { login, protocolMinor }: AdmittedClient, { client, stop }: Arrival): Relaying {
    const { cancelKeys, stallWatch, silenceWatch } = this.#deps;
    const { endpoint, allowedNetworks } = login;
    const { address, generation, identity, backendKey } = compute;
    const target = { endpoint, generation, address, identity, computeKey: nameOf(backendKey), allowedNetworks };
    const cancelKey = cancelKeys.issue(target, secretBytesOf(protocolMinor));
    const watched = handOver(client, compute, keyOf(cancelKey), stallWatch, silenceWatch);
    this.#relay = watched.relay;
    this.#endAfter(watched, cancelKey);
    cancelKeys.share(cancelKey);
    if (this.#draining) this.drain();
    if (stop.signal.aborted) this.end();
    return { kind: 'relaying' };
  }

  /** By itself: the function that waits is kept, and with it everything that it could see where the session arrives. */
  #endAfter(watched: WatchedRelay, cancelKey: KeyName): void {
    void watched.relay.ended.then((ending) => {
      watched.release();
      this.#deps.cancelKeys.forget(cancelKey);
      this.#end({ kind: 'relayed', ending });
    });
  }

  /** Never answers, whether the key is known or not, and never wakes anything: a compute that sleeps runs no query. */
  async #cancel({ client, stop }: Arrival, key: BackendKey): Promise<CancelOutcome> {
    const { cancelKeys, network } = this.#deps;
    const { address } = client.transport.peer;
    const result = await passOnCancel({ key, address, visit: this.#visit, signal: stop.signal }, cancelKeys, network);
    await close(client, undefined);
    return { kind: 'cancelRequest', result };
  }
}

async function close(client: Client, lastWords: Uint8Array | undefined): Promise<void> {
  client.reader.release();
  await closeDuplex(client.transport.duplex, lastWords);
}

function isEncrypted({ encryption }: ClientTransport): boolean {
  return encryption.kind === 'active';
}

function wordsOf(error: GatewayError): Uint8Array {
  return encodeErrorResponse(toErrorResponse(error));
}

function drainingWords(): Uint8Array {
  return wordsOf(new GatewayError('DRAINING'));
}
