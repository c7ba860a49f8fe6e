// A client on one connection, with its place among the limits. Its requests may be for several endpoints, and each proves its
// password; the connection takes its place at the endpoint of the first one that did.

import type { GatewayError } from '@pgwake/gateway-errors';
import type { EndpointId } from '@pgwake/ids';
import type { Visit } from '@pgwake/limits';

export class Client {
  readonly #visit: Visit;
  #admitted = false;
  #isSession = false;

  constructor(
    /** Its IP address. */
    readonly address: string,
    visit: Visit,
  ) {
    this.#visit = visit;
  }

  /** There is no place for it, which is what all its requests are told. */
  get refusal(): GatewayError | undefined {
    return this.#visit.refusal;
  }

  /** One of its requests has proved a password. */
  get admitted(): boolean {
    return this.#admitted;
  }

  /** To be asked before a password costs anything, and again before its verdict is told. Throws RATE_LIMITED. */
  requireTries(endpoint: EndpointId): void {
    this.#visit.requireTries(endpoint);
  }

  passwordFailed(endpoint: EndpointId): void {
    this.#visit.loginFailed(endpoint);
  }

  /** Throws TOO_MANY_CONNECTIONS. */
  passwordProved(endpoint: EndpointId): void {
    if (this.#admitted) return;
    this.#visit.takePlace(endpoint);
    this.#admitted = true;
  }

  /** It takes no requests any more but becomes a session, which ends the visit. */
  becomeSession(): Visit {
    this.#isSession = true;
    return this.#visit;
  }

  /** To be called once. */
  left(): void {
    if (!this.#isSession) this.#visit.end();
  }
}
