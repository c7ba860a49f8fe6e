// One connection of a scripted Postgres: what the steps of a script are made of.

import { once } from 'node:events';
import type { Socket } from 'node:net';
import { TLSSocket, createSecureContext } from 'node:tls';
import {
  type BackendKey,
  type StartupParameters,
  type StartupRequest,
  type WireMessage,
  createMessageReader,
  encodeErrorResponse,
  parseStartupRequest,
} from '@pgwake/pg-wire';

export type Step = (connection: ScriptedConnection) => void | Promise<void>;

/** Ends a script: the client is gone, which is nothing unusual. */
export class ClientLeft extends Error {}

/** What the connections of a server count. */
export interface Counters {
  tlsGranted: number;
  startups: StartupParameters[];
  cancels: BackendKey[];
  logins: number;
  queries: string[];
  errors: string[];
  resets: number;
  closes: number;
  farewells: number;
}

/** In PEM. */
export interface ServerCertificate {
  readonly cert: string;
  readonly key: string;
}

export interface ScriptedConnection {
  readonly counters: Counters;
  /** Reads a request for TLS and grants it: from here on everything is said over TLS. */
  encrypt(certificate: ServerCertificate): Promise<void>;
  /** The client's first packet. Encryption is declined, a cancel request recorded, and after that the script ends. */
  readStartup(): Promise<StartupParameters>;
  readMessage(): Promise<WireMessage>;
  /** Resolves once the kernel has the bytes. */
  write(bytes: Uint8Array): Promise<void>;
  /** A FATAL error and the end. */
  fail(code: string, message: string): Promise<never>;
  /** After so many more bytes written the connection ends in that way, in the middle of a message if need be. */
  cutAfter(bytes: number, how: 'reset' | 'close'): void;
  reset(): void;
  close(): void;
}

export function createScriptedConnection(plain: Socket, counters: Counters): ScriptedConnection {
  let socket = plain;
  let gone = false;
  let received: Uint8Array = new Uint8Array(0);
  let wakeUp: (() => void) | undefined;
  let cut: { readonly how: 'reset' | 'close'; left: number } | undefined;
  const reader = createMessageReader({ maxBodyBytes: 1 << 20 });
  const leave = () => {
    gone = true;
    wakeUp?.();
  };
  const onData = (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    wakeUp?.();
  };
  const listen = () => {
    socket.on('data', onData);
    socket.on('end', leave);
    socket.on('end', () => socket.end());
    socket.on('error', leave);
    socket.on('close', leave);
  };
  listen();

  async function more(): Promise<void> {
    if (gone) throw new ClientLeft();
    await new Promise<void>((resolve) => (wakeUp = resolve));
  }

  function send(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      socket.write(bytes, (error) => (error ? reject(new ClientLeft()) : resolve()));
    });
  }

  async function readRequest(): Promise<StartupRequest> {
    for (;;) {
      const parsed = parseStartupRequest(received);
      if (parsed.kind === 'violation') throw new Error(`first packet: ${parsed.what}`);
      if (parsed.kind === 'value') {
        received = received.subarray(parsed.consumed);
        return parsed.value;
      }
      await more();
    }
  }

  const connection: ScriptedConnection = {
    counters,

    async encrypt(certificate) {
      const request = await readRequest();
      if (request.kind !== 'ssl') throw new Error(`first packet: ${request.kind} where TLS was to be asked for`);
      await send(Buffer.from('S'));
      counters.tlsGranted += 1;
      plain.off('data', onData);
      socket = new TLSSocket(plain, { isServer: true, secureContext: createSecureContext(certificate) });
      listen();
      await Promise.race([once(socket, 'secure'), once(socket, 'close')]).catch(leave);
      if (gone) throw new ClientLeft();
    },

    async readStartup() {
      for (;;) {
        const request = await readRequest();
        if (request.kind === 'startup') {
          counters.startups.push(request.parameters);
          return request.parameters;
        }
        if (request.kind === 'cancel') {
          counters.cancels.push({ pid: request.pid, secret: request.secret });
          socket.end();
          throw new ClientLeft();
        }
        await send(Buffer.from('N'));
      }
    },

    async readMessage() {
      for (;;) {
        reader.push(received);
        received = new Uint8Array(0);
        const message = reader.next();
        if (message?.kind === 'violation') throw new Error(`client message: ${message.what}`);
        if (message !== undefined) return message;
        await more();
      }
    },

    async write(bytes) {
      if (cut === undefined) return send(bytes);
      await send(bytes.subarray(0, cut.left));
      cut.left -= bytes.length;
      if (cut.left > 0) return;
      if (cut.how === 'reset') connection.reset();
      else connection.close();
      throw new ClientLeft();
    },

    async fail(code, message) {
      counters.errors.push(code);
      await connection.write(encodeErrorResponse({ severity: 'FATAL', code, message }));
      socket.end();
      throw new ClientLeft();
    },

    cutAfter(bytes, how) {
      cut = { how, left: bytes };
    },

    reset() {
      counters.resets += 1;
      socket.resetAndDestroy();
    },

    close() {
      counters.closes += 1;
      socket.end();
    },
  };
  return connection;
}
