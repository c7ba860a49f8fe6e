// What calls a request off. Nearly every request is answered without it, so it is no AbortController: an AbortSignal and its
// listeners cost as much as reading the request's JSON. Whoever needs a real one gets it, and only then is it made.

import type { GatewayError } from '@pgwake/gateway-errors';
import type { AbortNotice } from '@pgwake/connect-core';

export class RequestAbort implements AbortNotice {
  #reason: GatewayError | undefined;
  #controller: AbortController | undefined;
  readonly #listeners: (() => void)[] = [];

  get aborted(): boolean {
    return this.#reason !== undefined;
  }

  /** `undefined` as long as it goes on. */
  get reason(): GatewayError | undefined {
    return this.#reason;
  }

  /** For those who take nothing else. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** The first reason counts. */
  abort(reason: GatewayError): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    for (const listener of this.#listeners.splice(0)) listener();
    this.#controller?.abort(reason);
  }

  addEventListener(_type: 'abort', listener: () => void): void {
    this.#listeners.push(listener);
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    const at = this.#listeners.indexOf(listener);
    if (at >= 0) this.#listeners.splice(at, 1);
  }
}
