// Corpus B against the conversation of a login, over a pair of streams in memory: whole, byte by byte, and split at every
// offset. On sockets it is in hostile-compute.int.spec.ts.

import type { Socket } from 'node:net';
import { duplexPair } from 'node:stream';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { type ScramKeys, checkPassword, deriveVerifier, parseVerifier } from '@pgwake/client-auth';
import { classifyDialError } from '@pgwake/connect-core';
import {
  type Feeding,
  type HostileCompute,
  byteByByte,
  computeName,
  everySplit,
  hostileComputes,
  lengthOf,
  whole,
} from '@pgwake/hostile-bytes';
import { ClientLeft, type Counters, createScriptedConnection, scriptHostileCompute } from '@pgwake/testkit';
import { askToLogIn, logIn } from './login.js';
import { createMessageStream } from './message-stream.js';

const identity = { kind: 'clusterName', value: computeName } as const;
let verifier: string;
let keys: ScramKeys;

beforeAll(async () => {
  verifier = await deriveVerifier('secret', { iterations: 1 });
  const parsed = parseVerifier(verifier);
  const found = parsed && (await checkPassword('secret', parsed));
  if (found === undefined) throw new Error('the password does not fit');
  keys = found;
});

/** The code of the error that a login at this compute ends with, or `connected`. */
async function logInAt(compute: HostileCompute, feeding: Feeding): Promise<string> {
  const [near, far] = duplexPair();
  const counters: Counters = {
    tlsGranted: 0,
    startups: [],
    cancels: [],
    logins: 0,
    queries: [],
    errors: [],
    resets: 0,
    closes: 0,
    farewells: 0,
  };
  // What a login and a script use of a socket, a stream has too.
  const connection = createScriptedConnection(far as Socket, counters);
  const script = async () => {
    for (const step of scriptHostileCompute(compute, feeding, verifier)) await step(connection);
  };
  void script().catch((error: unknown) => {
    if (!(error instanceof ClientLeft)) near.destroy(error as Error);
  });
  const limit = new AbortController();
  const stream = createMessageStream(near as Socket, { signal: limit.signal, onServerByte: () => undefined });
  try {
    const greeting = await askToLogIn(stream, { user: 'app', database: 'app', parameters: [] });
    await logIn(stream, greeting, keys, identity);
    return 'connected';
  } catch (error) {
    return classifyDialError(error).code;
  } finally {
    near.on('error', () => undefined).destroy();
    far.on('error', () => undefined).destroy();
  }
}

describe('corpus B against a login', () => {
  it.each(hostileComputes)('$name, after $after', async (compute) => {
    expect(await logInAt(compute, whole)).toBe(compute.expected);
  });

  // What goes on for ever is cut everywhere as it is, and a megabyte in single bytes says nothing that ten kilobytes do not.
  const short = hostileComputes.filter((compute) => !compute.endless && lengthOf(compute) <= 64 * 1024);

  it.each(short)('$name, after $after, byte by byte', async (compute) => {
    expect(await logInAt(compute, byteByByte)).toBe(compute.expected);
  });

  it.each(short)('$name, after $after, split at every offset', async (compute) => {
    for (const feeding of everySplit(lengthOf(compute))) {
      expect([feeding.name, await logInAt(compute, feeding)]).toEqual([feeding.name, compute.expected]);
    }
  });
});
