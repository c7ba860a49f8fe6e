// A session spoken by hand, message by message: for what drivers never send, and for what they never show.

import { once } from 'node:events';
import { type NetConnectOpts, type Socket, connect } from 'node:net';
import { createScramClient } from '@pgwake/client-auth';
import {
  type BackendKey,
  type WireMessage,
  backendTag,
  createMessageReader,
  encodeSaslInitialResponse,
  encodeSaslResponse,
  encodeStartupMessage,
  parseAuthentication,
  parseBackendKeyData,
} from '@pgwake/pg-wire';

export interface RawLogin {
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** Further startup parameters. */
  readonly [parameter: string]: string;
}

const maxBodyBytes = 1 << 24;

export class RawSession {
  /** What the server said between the proof of the password and its first ReadyForQuery. */
  greeting: readonly WireMessage[] = [];
  readonly #socket: Socket;
  readonly #reader = createMessageReader({ maxBodyBytes });
  readonly #messages: WireMessage[] = [];
  #over = false;
  #wakeUp: () => void = () => undefined;

  private constructor(address: NetConnectOpts) {
    this.#socket = connect({ ...address, allowHalfOpen: true });
    this.#socket.on('data', (chunk) => {
      this.#reader.push(chunk);
      for (let message = this.#reader.next(); message !== undefined; message = this.#reader.next()) {
        if (message.kind === 'violation') throw new Error(message.what);
        this.#messages.push(message);
      }
      this.#wakeUp();
    });
    const end = (): void => {
      this.#over = true;
      this.#wakeUp();
    };
    this.#socket.on('end', end).on('error', end).on('close', end);
  }

  static async open(address: NetConnectOpts, { password, ...parameters }: RawLogin): Promise<RawSession> {
    const session = new RawSession(address);
    await once(session.#socket, 'connect');
    session.send(encodeStartupMessage(Object.entries(parameters)));
    const scram = createScramClient({ password });
    await session.#authentication('sasl');
    session.send(encodeSaslInitialResponse({ mechanism: 'SCRAM-SHA-256', data: scram.first() }));
    const final = await scram.final((await session.#authentication('saslContinue')).data);
    if (final.kind === 'violation') throw new Error(final.what);
    session.send(encodeSaslResponse(final.bytes));
    await session.#authentication('saslFinal');
    await session.#authentication('ok');
    session.greeting = await session.readUntil(backendTag.readyForQuery);
    return session;
  }

  get key(): BackendKey {
    const message = this.greeting.find(({ tag }) => tag === backendTag.backendKeyData);
    const key = message && parseBackendKeyData(message.body);
    if (key === undefined || key.kind === 'violation') throw new Error('there was no BackendKeyData');
    return key.value;
  }

  /** All of them in one write. */
  send(...messages: readonly Uint8Array[]): void {
    this.#socket.write(Buffer.concat(messages));
  }

  /** The next messages up to the first one with this tag. Rejects when the server closes before. */
  async readUntil(tag: number): Promise<readonly WireMessage[]> {
    for (;;) {
      const at = this.#messages.findIndex((message) => message.tag === tag);
      if (at !== -1) return this.#messages.splice(0, at + 1);
      if (this.#over) throw new Error(`the server closed before ${String.fromCharCode(tag)}`);
      await this.#news();
    }
  }

  /** All further messages, until the server closes. */
  async readToEnd(): Promise<readonly WireMessage[]> {
    while (!this.#over) await this.#news();
    return this.#messages.splice(0);
  }

  /** Says that nothing will follow, and goes on reading. */
  halfClose(): void {
    this.#socket.end();
  }

  close(): void {
    this.#socket.destroy();
  }

  #news(): Promise<void> {
    return new Promise((resolve) => (this.#wakeUp = resolve));
  }

  async #authentication<K extends string>(kind: K) {
    const [message] = await this.readUntil(backendTag.authentication);
    const request = message && parseAuthentication(message.body);
    if (request === undefined || request.kind === 'violation' || request.value.kind !== kind) {
      throw new Error(`expected the authentication request ${kind}`);
    }
    return request.value as Extract<typeof request.value, { kind: K }>;
  }
}
