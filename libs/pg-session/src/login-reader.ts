// Reads what a client says before the relay, one message at a time, with hard limits. From its making on it knows when
// the client leaves, also while nobody reads, so a wait for a waking compute ends with the client.

import { GatewayError } from '@pgwake/gateway-errors';
import { type Parsed, frontendTag } from '@pgwake/pg-wire';
import type { ByteDuplex } from '@pgwake/relay';
import { protocolError } from './login-message.js';

/** More than any message before the relay may have; what a client pipelines beyond it waits in its socket. */
const maxBufferedBytes = 64 * 1024;

export class LoginReader {
  readonly #duplex: ByteDuplex;
  readonly #gone = new AbortController();
  #buffered: Uint8Array = new Uint8Array(0);
  #wakeUp: (() => void) | undefined;

  constructor(duplex: ByteDuplex) {
    this.#duplex = duplex;
    duplex.attach({
      onBytes: (bytes) => this.#take(bytes),
      onDrain: () => undefined,
      onEnd: () => this.#leave(),
      onClose: () => this.#leave(),
    });
  }

  /** Aborted with CLIENT_GONE once the client closed its side: before the relay that always means it has left. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  get bufferedBytes(): number {
    return this.#buffered.length;
  }

  /**
   * Waits until `parse` finds a whole message at the front and consumes exactly that.
   * Rejects with PROTOCOL_VIOLATION, with CLIENT_GONE, or with the reason of `limit`.
   */
  async read<T>(parse: (bytes: Uint8Array) => Parsed<T>, limit: AbortSignal): Promise<T> {
    for (;;) {
      const parsed = parse(this.#buffered);
      if (parsed.kind === 'value') {
        this.#buffered = this.#buffered.subarray(parsed.consumed);
        this.#duplex.resume();
        return parsed.value;
      }
      if (parsed.kind === 'violation') throw protocolError(parsed);
      await this.#more(limit);
    }
  }

  /**
   * From here on no message of the client is expected until the relay. A Terminate now means that the client leaves;
   * anything else it pipelines is kept for the compute.
   */
  watchForTerminate(): void {
    this.#wakeUp = () => {
      if (this.#buffered[0] === frontendTag.terminate) this.#leave();
    };
    this.#wakeUp();
  }

  /** Lets go of the duplex and gives what was read but not consumed. */
  release(): Uint8Array {
    this.#duplex.detach();
    return this.#buffered;
  }

  #take(bytes: Uint8Array): void {
    this.#buffered = this.#buffered.length === 0 ? bytes : Buffer.concat([this.#buffered, bytes]);
    if (this.#buffered.length >= maxBufferedBytes) this.#duplex.pause();
    this.#wakeUp?.();
  }

  #leave(): void {
    if (this.#gone.signal.aborted) return;
    this.#gone.abort(new GatewayError('CLIENT_GONE'));
    this.#wakeUp?.();
  }

  async #more(limit: AbortSignal): Promise<void> {
    this.#gone.signal.throwIfAborted();
    limit.throwIfAborted();
    await new Promise<void>((resolve) => {
      const wakeUp = () => {
        limit.removeEventListener('abort', wakeUp);
        this.#wakeUp = undefined;
        resolve();
      };
      this.#wakeUp = wakeUp;
      limit.addEventListener('abort', wakeUp);
    });
    limit.throwIfAborted();
  }
}
