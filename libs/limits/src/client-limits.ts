// How much clients may ask of one proxy: places in total, per source and per endpoint, logins that fail, cancel requests;
// and none of it while the process cannot keep up with those whom it has.
// Counts and refuses; it holds no socket and never makes anybody wait. A limit of 0, or left out, is none.
//
// What is remembered is bounded by itself: counts are of clients that are here, and rates forget (see TokenBuckets).

import { type ErrorCode, GatewayError } from '@pgwake/gateway-errors';
import type { EndpointId } from '@pgwake/ids';
import { sourceOf } from '@pgwake/ip-networks';
import { Counts } from './counts.js';
import { type MonotonicClock, TokenBuckets } from './token-buckets.js';
import { type Desk, WelcomeVisit } from './welcome-visit.js';

export interface ClientLimitsSettings {
  readonly connections?: number;
  /** Of clients that have proved their password: nobody else fills the places of an endpoint. */
  readonly connectionsPerEndpoint?: number;
  readonly connectionsPerSource?: number;
  /** Of clients that have not proved their password yet. */
  readonly handshakesPerSource?: number;
  /** Per source and endpoint: so many at once, and so many per minute. */
  readonly failedLogins?: number;
  /** Per source: so many at once, and so many per second. */
  readonly cancelsPerSource?: number;
  readonly cancelsInFlight?: number;
  /** Clients beyond the limits that may still finish their handshake, so that they can be told why. Left out: none. */
  readonly farewells?: number;
}

export type Limit =
  | 'eventLoopDelay'
  | 'connections'
  | 'connectionsPerEndpoint'
  | 'connectionsPerSource'
  | 'handshakesPerSource'
  | 'failedLogins'
  | 'cancelsPerSource'
  | 'cancelsInFlight';

export interface ClientLimitsDeps {
  readonly clock: MonotonicClock;
  /** Whether the process is so late that nobody new is let in. Left out: it never is. */
  readonly lateness?: { readonly isLate: boolean };
  /** Somebody was refused because of this. */
  readonly onRefusal: (limit: Limit) => void;
}

export type Entry =
  | { readonly kind: 'visit'; readonly visit: Visit }
  /** Nothing is counted and nothing is to be spent on it: to be told at once, as it is. */
  | { readonly kind: 'turnedAway'; readonly error: GatewayError };

/** One client from accept to its end, as the limits see it. */
export interface Visit {
  /** There is no place for it: to be told once its startup packet has been read. It may cancel, as at a full Postgres. */
  readonly refusal: GatewayError | undefined;
  /**
   * To be asked before a login costs anything, and again before its proof is judged: otherwise many at once could try more
   * passwords than there are tries. Throws RATE_LIMITED.
   */
  requireTries(endpoint: EndpointId): void;
  /** A proof was wrong. A client that leaves before its proof has not tried. */
  loginFailed(endpoint: EndpointId): void;
  /** The client has proved its password. Throws TOO_MANY_CONNECTIONS. */
  takePlace(endpoint: EndpointId): void;
  /** Whether it may send a cancel request on; if so {@link endCancel} is to be called. */
  beginCancel(): boolean;
  endCancel(): void;
  /** To be called once. */
  end(): void;
}

const maxKeys = 100_000;
const secondsPerMinute = 60;

export class ClientLimits {
  readonly #settings: ClientLimitsSettings;
  readonly #deps: ClientLimitsDeps;
  readonly #failedLogins: TokenBuckets | undefined;
  readonly #cancels: TokenBuckets | undefined;
  readonly #perSource = new Counts();
  readonly #handshakesPerSource = new Counts();
  readonly #perEndpoint = new Counts();
  readonly #desk: Desk = {
    requireTries: (source, endpoint) => this.#requireTries(source, endpoint),
    loginFailed: (source, endpoint) => void this.#failedLogins?.take(tryKey(source, endpoint)),
    takePlace: (endpoint) => this.#takePlace(endpoint),
    endHandshake: (source) => this.#handshakesPerSource.remove(source),
    beginCancel: (source) => this.#beginCancel(source),
    endCancel: () => this.#endCancel(),
    leave: (source, place) => this.#leave(source, place),
  };
  #connections = 0;
  #farewells = 0;
  #cancelsInFlight = 0;

  constructor(settings: ClientLimitsSettings, deps: ClientLimitsDeps) {
    const { failedLogins = 0, cancelsPerSource = 0 } = settings;
    const { clock } = deps;
    this.#settings = settings;
    this.#deps = deps;
    if (failedLogins > 0) {
      const perSecond = failedLogins / secondsPerMinute;
      this.#failedLogins = new TokenBuckets({ burst: failedLogins, perSecond, maxKeys, clock });
    }
    if (cancelsPerSource > 0) {
      this.#cancels = new TokenBuckets({ burst: cancelsPerSource, perSecond: cancelsPerSource, maxKeys, clock });
    }
  }

  /** What is counted now; all zero when nobody is here. */
  get counts(): Readonly<
    Record<'connections' | 'farewells' | 'sources' | 'handshakes' | 'endpoints' | 'cancels', number>
  > {
    return {
      connections: this.#connections,
      farewells: this.#farewells,
      sources: this.#perSource.size,
      handshakes: this.#handshakesPerSource.size,
      endpoints: this.#perEndpoint.size,
      cancels: this.#cancelsInFlight,
    };
  }

  /** `address`: the IP address of the client. */
  enter(address: string): Entry {
    const source = sourceOf(address);
    const error = this.#refuse(source);
    if (error === undefined) return { kind: 'visit', visit: this.#welcome(source) };
    if (this.#farewells >= (this.#settings.farewells ?? 0)) return { kind: 'turnedAway', error };
    return { kind: 'visit', visit: this.#sayFarewell(source, error) };
  }

  #refuse(source: string): GatewayError | undefined {
    const { connections, connectionsPerSource, handshakesPerSource } = this.#settings;
    if (this.#deps.lateness?.isLate === true) return this.#refusal('eventLoopDelay', 'GATEWAY_OVERLOADED');
    if (isReached(connections, this.#connections)) return this.#refusal('connections', 'GATEWAY_FULL');
    if (isReached(connectionsPerSource, this.#perSource.of(source))) {
      return this.#refusal('connectionsPerSource', 'SOURCE_FULL');
    }
    if (isReached(handshakesPerSource, this.#handshakesPerSource.of(source))) {
      return this.#refusal('handshakesPerSource', 'RATE_LIMITED');
    }
    return undefined;
  }

  #welcome(source: string): Visit {
    this.#connections += 1;
    this.#perSource.add(source);
    this.#handshakesPerSource.add(source);
    return new WelcomeVisit(this.#desk, source);
  }

  #takePlace(endpoint: EndpointId): void {
    if (isReached(this.#settings.connectionsPerEndpoint, this.#perEndpoint.of(endpoint))) {
      throw this.#refusal('connectionsPerEndpoint', 'TOO_MANY_CONNECTIONS');
    }
    this.#perEndpoint.add(endpoint);
  }

  #leave(source: string, place: EndpointId | undefined): void {
    this.#connections -= 1;
    this.#perSource.remove(source);
    if (place !== undefined) this.#perEndpoint.remove(place);
  }

  /** It never gets as far as a login. */
  #sayFarewell(source: string, refusal: GatewayError): Visit {
    const refuse = () => {
      throw refusal;
    };
    this.#farewells += 1;
    return {
      refusal,
      requireTries: refuse,
      loginFailed: refuse,
      takePlace: refuse,
      beginCancel: () => this.#beginCancel(source),
      endCancel: () => this.#endCancel(),
      end: () => {
        this.#farewells -= 1;
      },
    };
  }

  #requireTries(source: string, endpoint: EndpointId): void {
    const waitMs = this.#failedLogins?.waitMs(tryKey(source, endpoint)) ?? 0;
    if (waitMs > 0) throw this.#refusal('failedLogins', 'RATE_LIMITED', waitMs);
  }

  #beginCancel(source: string): boolean {
    if (isReached(this.#settings.cancelsInFlight, this.#cancelsInFlight)) {
      this.#deps.onRefusal('cancelsInFlight');
      return false;
    }
    if (this.#cancels?.take(source) === false) {
      this.#deps.onRefusal('cancelsPerSource');
      return false;
    }
    this.#cancelsInFlight += 1;
    return true;
  }

  #endCancel(): void {
    this.#cancelsInFlight -= 1;
  }

  #refusal(limit: Limit, code: ErrorCode, retryAfterMs?: number): GatewayError {
    this.#deps.onRefusal(limit);
    const detail = `the limit "${limit}" is reached`;
    return new GatewayError(code, retryAfterMs === undefined ? { detail } : { detail, retryAfterMs });
  }
}

function isReached(limit = 0, count: number): boolean {
  return limit > 0 && count >= limit;
}

function tryKey(source: string, endpoint: EndpointId): string {
  return `${source} ${endpoint}`;
}
