import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type Socket, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { encodeCancelRequest, encodeSslRequest, encodeStartupMessage } from '@pgwake/pg-wire';
import type { NodeAddress } from '@pgwake/wake-api';
import {
  type LeakCheck,
  type ScriptedPostgres,
  startLeakCheck,
  startScriptedPostgres,
  steps,
  waitFor,
} from './index.js';

let leaks: LeakCheck;
let server: ScriptedPostgres | undefined;

beforeEach(() => {
  leaks = startLeakCheck();
});

afterEach(async () => {
  await server?.stop();
  server = undefined;
  await leaks.expectNothingLeft();
});

function dial(address: NodeAddress): Socket {
  return address.kind === 'tcp'
    ? connect(address.port, address.host)
    : connect(`${address.socketDirectory}/.s.PGSQL.${address.port}`);
}

async function readAll(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(socket, 'close');
  return Buffer.concat(chunks);
}

const startupMessage = encodeStartupMessage([['user', 'app']]);

describe('a scripted Postgres', () => {
  it('follows one script per connection, the last one for ever', async () => {
    server = await startScriptedPostgres({ scripts: [[steps.startup(), steps.fail('57P03')], [steps.close()]] });
    const first = dial(server.address);
    first.write(startupMessage);
    expect((await readAll(first)).toString()).toContain('57P03');
    for (let count = 0; count < 2; count += 1) expect(await readAll(dial(server.address))).toHaveLength(0);
    expect(server.seen).toMatchObject({ accepted: 3, errors: ['57P03'], closes: 2 });
    const { seen } = server;
    await waitFor(() => seen.open === 0, 1_000);
    expect(server.seen.startups).toEqual([[['user', 'app']]]);
  });

  it('declines encryption and records a cancel request', async () => {
    server = await startScriptedPostgres({ scripts: [[steps.startup()]] });
    const socket = dial(server.address);
    socket.write(encodeSslRequest());
    socket.write(encodeCancelRequest(7, Uint8Array.of(1, 2, 3, 4)));
    expect((await readAll(socket)).toString()).toBe('N');
    expect(server.seen.cancels).toEqual([{ pid: 7, secret: expect.objectContaining({ length: 4 }) }]);
  });

  it('resets after a number of bytes', async () => {
    const script = [steps.startup(), steps.cutAfter(3, 'reset'), steps.send(Buffer.from('abcdef'))];
    server = await startScriptedPostgres({ scripts: [script] });
    const socket = dial(server.address);
    socket.write(startupMessage);
    const [error] = await Promise.all([once(socket, 'error'), once(socket, 'data')]);
    expect(error).toEqual([expect.objectContaining({ code: 'ECONNRESET' })]);
    expect(server.seen.resets).toBe(1);
  });

  it('refuses until it listens, and again when told to', async () => {
    server = await startScriptedPostgres({ scripts: [[steps.close()]] });
    await server.refuse();
    expect(await once(dial(server.address), 'error')).toEqual([expect.objectContaining({ code: 'ECONNREFUSED' })]);
    await server.listen();
    expect(await readAll(dial(server.address))).toHaveLength(0);
  });

  it('listens on a unix socket too', async () => {
    const socketDirectory = await mkdtemp(join(tmpdir(), 'pgwake-'));
    server = await startScriptedPostgres({ socketDirectory, scripts: [[steps.close()]] });
    expect(await readAll(dial(server.address))).toHaveLength(0);
    await rm(socketDirectory, { recursive: true });
  });

  it('does not stop quietly when a client did what its script was not written for', async () => {
    const strict = await startScriptedPostgres({ scripts: [[steps.startup()]] });
    const socket = dial(strict.address);
    socket.write('GET / HTTP/1.0\r\n\r\n');
    await readAll(socket).catch(() => undefined);
    await expect(strict.stop()).rejects.toThrow('first packet');
  });
});

describe('a leak check', () => {
  it('names a socket and a server that stayed open', async () => {
    const forgetful = await startScriptedPostgres({ scripts: [[]] });
    const socket = dial(forgetful.address);
    await once(socket, 'connect');
    await expect(leaks.expectNothingLeft()).rejects.toThrow(/TCPSocketWrap.*TCPServerWrap/);
    socket.destroy();
    await forgetful.stop();
  });
});
