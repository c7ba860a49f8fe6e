// The visit of a client for whom there is a place. It remembers what it was given; what it may have, the desk decides.
//
// A class and no closures: there are thousands of visits, most of them idle for hours, and closures were several times as large.

import type { EndpointId } from '@pgwake/ids';
import type { Visit } from './client-limits.js';

/** Where visits are counted. */
export interface Desk {
  requireTries(source: string, endpoint: EndpointId): void;
  loginFailed(source: string, endpoint: EndpointId): void;
  takePlace(endpoint: EndpointId): void;
  endHandshake(source: string): void;
  beginCancel(source: string): boolean;
  endCancel(): void;
  leave(source: string, place: EndpointId | undefined): void;
}

export class WelcomeVisit implements Visit {
  readonly refusal = undefined;
  readonly #desk: Desk;
  readonly #source: string;
  #place: EndpointId | undefined;
  #inHandshake = true;

  constructor(desk: Desk, source: string) {
    this.#desk = desk;
    this.#source = source;
  }

  requireTries(endpoint: EndpointId): void {
    this.#desk.requireTries(this.#source, endpoint);
  }

  loginFailed(endpoint: EndpointId): void {
    this.#desk.loginFailed(this.#source, endpoint);
  }

  takePlace(endpoint: EndpointId): void {
    this.#desk.takePlace(endpoint);
    this.#place = endpoint;
    this.#endHandshake();
  }

  beginCancel(): boolean {
    return this.#desk.beginCancel(this.#source);
  }

  endCancel(): void {
    this.#desk.endCancel();
  }

  end(): void {
    this.#desk.leave(this.#source, this.#place);
    this.#endHandshake();
  }

  #endHandshake(): void {
    if (this.#inHandshake) this.#desk.endHandshake(this.#source);
    this.#inHandshake = false;
  }
}
