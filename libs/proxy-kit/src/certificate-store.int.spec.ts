// Real files, real handshakes: what clients see while an operator, or Kubernetes, changes certificates.

import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { X509Certificate, generateKeyPairSync } from 'node:crypto';
import { type AddressInfo, type Server, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectionOptions, type TLSSocket, connect } from 'node:tls';
import { type CertificatePem, makeCertificate } from '@pgwake/local-certificate';
import { type LeakCheck, startLeakCheck, waitFor } from '@pgwake/testkit';
import { type CertificateStore, createProtocolChoice, openCertificateStore, startTls } from './index.js';
import { explainInvalidity } from './server-certificate.js';
import type { TlsSettings } from './tls-settings.js';

let first: CertificatePem;
let second: CertificatePem;
let directory: string;
let leaks: LeakCheck;
const opened: { close(): unknown }[] = [];

beforeAll(async () => {
  [first, second] = await Promise.all([makeCertificate(), makeCertificate()]);
});
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pgwake-certificates-'));
  leaks = startLeakCheck();
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((each) => each.close()));
  rmSync(directory, { recursive: true });
  await leaks.expectNothingLeft();
});

const serialOf = ({ cert }: Pick<CertificatePem, 'cert'>) => new X509Certificate(cert).serialNumber;

function write(pem: Pick<CertificatePem, 'cert' | 'key'>, into = directory): void {
  mkdirSync(into, { recursive: true });
  writeFileSync(join(into, 'tls.crt'), pem.cert);
  writeFileSync(join(into, 'tls.key'), pem.key);
}

interface Opened {
  readonly store: CertificateStore;
  /** Serial numbers, in order. */
  readonly loaded: string[];
  readonly refused: string[];
}

function open(settings: Partial<TlsSettings> = {}): Opened {
  const loaded: string[] = [];
  const refused: string[] = [];
  const store = openCertificateStore(
    {
      tlsCertFile: join(directory, 'tls.crt'),
      tlsKeyFile: join(directory, 'tls.key'),
      tlsMinVersion: '1.2',
      tlsGroups: 'auto',
      tlsClientCert: 'off',
      tlsClientCaFile: undefined,
      ...settings,
    },
    {
      onLoaded: ({ leaf }) => loaded.push(leaf.serialNumber),
      onRefused: (why) => refused.push(why),
      onBlind: (why) => refused.push(why),
    },
  );
  if (store === undefined) throw new Error('no store');
  opened.push(store);
  return { store, loaded, refused };
}

/** Greets everybody whose handshake succeeds. */
async function serve(store: CertificateStore): Promise<{ port: number; refusals: unknown[] }> {
  const refusals: unknown[] = [];
  const server: Server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    const options = {
      certificate: store.current,
      chooseProtocol: createProtocolChoice(['postgresql']),
      limit: AbortSignal.timeout(10_000),
    };
    startTls(socket, options, (secured) => {
      secured.on('error', () => undefined);
      secured.end('hello');
    }).catch((error: unknown) => refusals.push(error));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  opened.push({ close: () => new Promise((resolve) => server.close(resolve)) });
  return { port: (server.address() as AddressInfo).port, refusals };
}

/** The serial number that a client saw which heard the greeting. Rejects when it did not. */
function greet(port: number, options: ConnectionOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options });
    let heard = '';
    let serial = '';
    socket.on('secureConnect', () => (serial = socket.getPeerCertificate().serialNumber));
    socket.on('data', (chunk) => (heard += String(chunk)));
    socket.on('error', reject);
    socket.on('close', () => (heard === 'hello' ? resolve(serial) : reject(new Error('no greeting'))));
  });
}

describe('a certificate that is replaced', () => {
  it('fails no handshake, however often it is swapped as Kubernetes swaps secrets', async () => {
    const pairs = [first, second];
    const volume = (name: string) => join(directory, name);
    const turn = (name: string) => {
      symlinkSync(name, volume('..data_tmp'));
      renameSync(volume('..data_tmp'), volume('..data'));
    };
    pairs.forEach((pem, index) => write(pem, volume(`..v${index}`)));
    turn('..v0');
    for (const file of ['tls.crt', 'tls.key']) symlinkSync(join('..data', file), volume(file));
    const { store, loaded, refused } = open();
    const { port, refusals } = await serve(store);

    const seen: string[] = [];
    let swapping = true;
    const streams = Array.from({ length: 4 }, async () => {
      while (swapping) seen.push(await greet(port));
    });
    for (let swap = 1; swap <= 10; swap += 1) {
      const next = swap % 2;
      turn(`..v${next}`);
      const expected = serialOf(pairs[next] ?? first);
      const from = seen.length;
      await waitFor(() => seen.slice(from).includes(expected), 5_000);
    }
    swapping = false;
    await Promise.all(streams);

    expect(refusals).toEqual([]);
    expect(refused).toEqual([]);
    expect(loaded).toEqual(Array.from({ length: 11 }, (_, load) => serialOf(pairs[load % 2] ?? first)));
  });

  it('is taken when both files have been written, and the half in between changes nothing', async () => {
    write(first);
    const { store, loaded, refused } = open();
    const { port } = await serve(store);
    writeFileSync(join(directory, 'tls.key'), second.key);
    await waitFor(() => refused.length > 0, 5_000);
    expect(refused).toEqual(['the key is not that of the certificate']);
    expect(await greet(port)).toBe(serialOf(first));
    writeFileSync(join(directory, 'tls.crt'), second.cert);
    await waitFor(() => loaded.length === 2, 5_000);
    expect(await greet(port)).toBe(serialOf(second));
  });

  it.each([
    ['garbage', () => writeFileSync(join(directory, 'tls.crt'), 'garbage')],
    ['nothing', () => rmSync(join(directory, 'tls.crt'))],
    [
      'a key of another kind',
      () => {
        const { privateKey } = generateKeyPairSync('ed25519');
        writeFileSync(join(directory, 'tls.key'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
      },
    ],
  ])('stays in use when %s takes its place', async (_what, spoil) => {
    write(first);
    const { store, loaded, refused } = open();
    const { port } = await serve(store);
    spoil();
    await waitFor(() => refused.length === 1, 5_000);
    expect(await greet(port)).toBe(serialOf(first));
    write(second);
    await waitFor(() => loaded.length === 2, 5_000);
    expect(await greet(port)).toBe(serialOf(second));
    expect(refused).toHaveLength(1);
  });

  it('is not loaded again when only its time of change is new', async () => {
    write(first);
    const { loaded } = open();
    utimesSync(join(directory, 'tls.crt'), 1, 1);
    write(second);
    await waitFor(() => loaded.length > 1, 5_000);
    expect(loaded).toEqual([first, second].map(serialOf));
  });
});

describe('the oldest version of TLS', () => {
  it.each([
    ['1.2', 'TLSv1.2', true],
    ['1.3', 'TLSv1.2', false],
    ['1.3', 'TLSv1.3', true],
  ] as const)('%s: a client with %s gets in: %s', async (tlsMinVersion, version, getsIn) => {
    write(first);
    const { port, refusals } = await serve(open({ tlsMinVersion }).store);
    const greeted = greet(port, { minVersion: version, maxVersion: version });
    if (getsIn) expect(await greeted).toBe(serialOf(first));
    else await expect(greeted).rejects.toThrow(/protocol version/);
    await waitFor(() => refusals.length === (getsIn ? 0 : 1), 5_000);
  });

  it('does not renegotiate', async () => {
    write(first);
    const { store } = open();
    const server = createServer({ pauseOnConnect: true }, (socket) => {
      void startTls(
        socket,
        { certificate: store.current, chooseProtocol: createProtocolChoice([]), limit: AbortSignal.timeout(10_000) },
        (secured) => secured.on('error', () => undefined).resume(),
      );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    opened.push({ close: () => new Promise((resolve) => server.close(resolve)) });
    const { port } = server.address() as AddressInfo;
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, maxVersion: 'TLSv1.2' });
    await new Promise((resolve) => socket.once('secureConnect', resolve));
    const refused = new Promise<Error>((resolve) => socket.once('error', resolve));
    socket.renegotiate({}, () => undefined);
    expect((await refused).message).toMatch(/renegotiation/);
    socket.destroy();
  });
});

describe('the groups for the key exchange', () => {
  it.each([
    ['X25519:P-256', 'P-256', true],
    ['X25519:P-256', 'P-384', false],
    ['auto', 'P-384', true],
  ])('%s: a client that knows %s only gets in: %s', async (tlsGroups, ecdhCurve, getsIn) => {
    write(first);
    const { port, refusals } = await serve(open({ tlsGroups }).store);
    const greeted = greet(port, { ecdhCurve });
    if (getsIn) expect(await greeted).toBe(serialOf(first));
    else await expect(greeted).rejects.toThrow();
    await waitFor(() => refusals.length === (getsIn ? 0 : 1), 5_000);
  });
});

describe('a client certificate', () => {
  const withCa = (tlsClientCert: 'optional' | 'required') => {
    write(first);
    writeFileSync(join(directory, 'ca.crt'), first.ca);
    return open({ tlsClientCert, tlsClientCaFile: join(directory, 'ca.crt') });
  };

  it.each([
    ['optional', 'no certificate', {}, true],
    ['optional', 'one of our CA', 'first', true],
    ['optional', 'one of another CA', 'second', false],
    ['required', 'no certificate', {}, false],
    ['required', 'one of our CA', 'first', true],
    ['required', 'one of another CA', 'second', false],
  ] as const)('%s: a client with %s gets in: %#', async (mode, _what, which, getsIn) => {
    const { port, refusals } = await serve(withCa(mode).store);
    const own = which === 'first' ? first : which === 'second' ? second : undefined;
    const greeted = greet(port, own && { cert: own.cert, key: own.key });
    if (getsIn) expect(await greeted).toBe(serialOf(first));
    else await expect(greeted).rejects.toThrow();
    await waitFor(() => refusals.length === (getsIn ? 0 : 1), 5_000);
    const code = which === 'second' ? 'CLIENT_CERTIFICATE_REFUSED' : 'CLIENT_GONE';
    expect(refusals).toMatchObject(getsIn ? [] : [{ code }]);
  });

  it('is judged by the CA that the file holds by then', async () => {
    const { store } = withCa('required');
    const { port } = await serve(store);
    const before = store.current;
    writeFileSync(join(directory, 'ca.crt'), second.ca);
    await waitFor(() => store.current !== before, 5_000);
    expect(await greet(port, { cert: second.cert, key: second.key })).toBe(serialOf(first));
    await expect(greet(port, { cert: first.cert, key: first.key })).rejects.toThrow();
  });
});

describe('settings that make no sense', () => {
  it.each([
    ['a certificate without its key', { tlsKeyFile: undefined }, /given together/],
    ['a mode without a CA', { tlsClientCert: 'required' }, /given together/],
    ['a CA without a mode', { tlsClientCaFile: 'ca.crt' }, /given together/],
    [
      'client certificates without TLS',
      { tlsCertFile: undefined, tlsKeyFile: undefined, tlsClientCert: 'required', tlsClientCaFile: 'ca.crt' },
      /only with PGWAKE_TLS_CERT_FILE/,
    ],
    [
      'groups that nobody knows',
      { tlsGroups: 'X25519:nothing' },
      /PGWAKE_TLS_GROUPS is no list of groups that OpenSSL/,
    ],
    ['a file that is not there', { tlsCertFile: '/nowhere/tls.crt' }, /cannot be used: .*ENOENT/],
  ] as const)('%s ends the app at its start', (_what, settings, words) => {
    write(first);
    expect(() => open(settings)).toThrow(words);
  });
});

describe('a certificate out of its time', () => {
  it('says why it is of no use', () => {
    write(first);
    const { current } = open().store;
    const day = 86_400_000;
    expect(explainInvalidity(current, Date.now())).toBeUndefined();
    expect(explainInvalidity(current, Date.now() + 1_000 * day)).toMatch(/^it has expired/);
    expect(explainInvalidity(current, Date.now() - 2 * day)).toMatch(/^it is not valid yet/);
  });
});
