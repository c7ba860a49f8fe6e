import { describe, expect, it } from '@jest/globals';
import { clientFinalMessages, clientFirstMessages, honestClientFirst } from '@pgwake/hostile-bytes';
import fc from 'fast-check';
import {
  checkPassword,
  createScramClient,
  createScramServer,
  deriveVerifier,
  makeMockVerifier,
  parseVerifier,
} from './index.js';
import { createScramClientWithNonce } from './scram-client.js';
import { createScramServerWithNonce } from './scram-server.js';
import type { ScramVerifier } from './scram-verifier.js';

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');
const text = (data: Uint8Array): string => Buffer.from(data).toString('latin1');

async function verifierOf(password: string, iterations = 1): Promise<ScramVerifier> {
  const verifier = parseVerifier(await deriveVerifier(password, { iterations }));
  if (verifier === undefined) throw new Error('deriveVerifier gave no verifier');
  return verifier;
}

// RFC 7677, section 3.
const vector = {
  user: 'user',
  password: 'pencil',
  salt: Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64'),
  clientNonce: 'rOprNGfwEbeRWgbNEkqO',
  serverNonce: '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0',
  clientFirst: 'n,,n=user,r=rOprNGfwEbeRWgbNEkqO',
  serverFirst: 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
  clientFinal:
    'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
  serverFinal: 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
};

describe('the example of RFC 7677', () => {
  it('comes out of the server', async () => {
    const verifier = parseVerifier(await deriveVerifier(vector.password, { salt: vector.salt }));
    expect(verifier).toBeDefined();
    if (verifier === undefined) return;
    const server = createScramServerWithNonce(verifier, vector.serverNonce);
    const challenge = server.clientFirst(bytes(vector.clientFirst));
    expect(challenge.kind === 'continue' && text(challenge.bytes)).toBe(vector.serverFirst);
    const verdict = server.clientFinal(bytes(vector.clientFinal));
    expect(verdict.kind === 'admitted' && text(verdict.bytes)).toBe(vector.serverFinal);
    expect(verdict.kind === 'admitted' && verdict.keys).toEqual(await checkPassword(vector.password, verifier));
  });

  it('comes out of the client', async () => {
    const client = createScramClientWithNonce({ password: vector.password }, vector.clientNonce, vector.user);
    expect(text(client.first())).toBe(vector.clientFirst);
    expect(client.verify(bytes(vector.serverFinal))).toBe(false);
    const final = await client.final(bytes(vector.serverFirst));
    expect(final.kind === 'final' && text(final.bytes)).toBe(vector.clientFinal);
    expect(client.verify(bytes(vector.serverFinal))).toBe(true);
  });
});

describe('an exchange between both sides', () => {
  it('admits the right password, and its keys log in again elsewhere, for any password', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme', minLength: 1 }), async (password) => {
        const verifier = await verifierOf(password);
        const server = createScramServer(verifier);
        const client = createScramClient({ password });
        const challenge = server.clientFirst(client.first());
        const final = challenge.kind === 'continue' ? await client.final(challenge.bytes) : challenge;
        const verdict = final.kind === 'final' ? server.clientFinal(final.bytes) : final;
        expect(verdict.kind).toBe('admitted');
        if (verdict.kind !== 'admitted') return;
        expect(client.verify(verdict.bytes)).toBe(true);

        const compute = createScramServer(verifier);
        const gateway = createScramClient(verdict.keys);
        const second = compute.clientFirst(gateway.first());
        const secondFinal = second.kind === 'continue' ? await gateway.final(second.bytes) : second;
        const secondVerdict = secondFinal.kind === 'final' ? compute.clientFinal(secondFinal.bytes) : secondFinal;
        expect(secondVerdict).toMatchObject({ kind: 'admitted', keys: verdict.keys });
        expect(secondVerdict.kind === 'admitted' && gateway.verify(secondVerdict.bytes)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it('refuses another password', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string(), fc.string(), async (password, other) => {
        fc.pre(password !== other);
        const server = createScramServer(await verifierOf(password));
        const client = createScramClient({ password: other });
        const challenge = server.clientFirst(client.first());
        const final = challenge.kind === 'continue' ? await client.final(challenge.bytes) : challenge;
        expect(final.kind === 'final' && server.clientFinal(final.bytes)).toEqual({ kind: 'refused' });
      }),
      { numRuns: 50 },
    );
  });

  it('goes its whole way with a mock verifier, and then refuses', async () => {
    const server = createScramServer(makeMockVerifier(bytes('secret'), 'demo', 'nobody'));
    const client = createScramClient({ password: 'pencil' });
    const challenge = server.clientFirst(client.first());
    expect(challenge.kind === 'continue' && text(challenge.bytes)).toMatch(/^r=[^,]+,s=[A-Za-z0-9+/]{22}==,i=4096$/);
    const final = challenge.kind === 'continue' ? await client.final(challenge.bytes) : challenge;
    expect(final.kind === 'final' && server.clientFinal(final.bytes)).toEqual({ kind: 'refused' });
  });

  it('uses a fresh server nonce of 18 random bytes each time', async () => {
    const verifier = await verifierOf('pencil');
    const nonces = Array.from({ length: 100 }, () => {
      const challenge = createScramServer(verifier).clientFirst(bytes('n,,n=,r=abc'));
      return challenge.kind === 'continue' ? text(challenge.bytes).replace(/,.*/, '') : '';
    });
    expect(nonces.every((nonce) => /^r=abc[A-Za-z0-9+/]{24}$/.test(nonce))).toBe(true);
    expect(new Set(nonces).size).toBe(100);
  });
});

describe('createScramServer on hostile messages', () => {
  it.each(clientFirstMessages)('client-first: $name', async ({ text: message, answer }) => {
    const challenge = createScramServer(await verifierOf('pencil')).clientFirst(bytes(message));
    expect(challenge.kind === 'violation' ? challenge.what : challenge.kind).toBe(answer);
  });

  it.each(clientFinalMessages)('client-final: $name', async ({ write, answer }) => {
    const server = createScramServerWithNonce(await verifierOf('pencil'), 'SERVER');
    const challenge = server.clientFirst(bytes(honestClientFirst));
    const nonce = /r=([^,]*)/.exec(challenge.kind === 'continue' ? text(challenge.bytes) : '')?.[1] ?? '';
    const verdict = server.clientFinal(bytes(write(nonce)));
    expect(verdict.kind === 'violation' ? verdict.what : verdict.kind).toBe(answer);
  });

  it('asks for the flag that client-first had', async () => {
    const server = createScramServerWithNonce(await verifierOf('pencil'), 'SERVER');
    server.clientFirst(bytes('y,,n=,r=abc'));
    const proof = Buffer.alloc(32, 1).toString('base64');
    expect(server.clientFinal(bytes(`c=biws,r=abcSERVER,p=${proof}`)).kind).toBe('violation');
  });
});

describe('createScramServer is for one exchange', () => {
  const again = { kind: 'violation', what: 'unexpected SCRAM message' };

  it('refuses client-final first, and everything after it', async () => {
    const server = createScramServer(await verifierOf('pencil'));
    expect(server.clientFinal(bytes(vector.clientFinal))).toEqual(again);
    expect(server.clientFirst(bytes(vector.clientFirst))).toEqual(again);
  });

  it('refuses a second client-first, and everything after it', async () => {
    const server = createScramServer(await verifierOf('pencil'));
    server.clientFirst(bytes('n,,n=,r=abc'));
    expect(server.clientFirst(bytes('n,,n=,r=abc'))).toEqual(again);
    expect(server.clientFinal(bytes('c=biws,r=abc,p='))).toEqual(again);
  });

  it('refuses a second client-final, be the first one right or wrong', async () => {
    const verifier = await verifierOf('pencil');
    for (const password of ['pencil', 'pen']) {
      const server = createScramServer(verifier);
      const client = createScramClient({ password });
      const challenge = server.clientFirst(client.first());
      const final = challenge.kind === 'continue' ? await client.final(challenge.bytes) : challenge;
      if (final.kind !== 'final') throw new Error(final.what);
      expect(server.clientFinal(final.bytes).kind).toBe(password === 'pencil' ? 'admitted' : 'refused');
      expect(server.clientFinal(final.bytes)).toEqual(again);
    }
  });

  it('refuses a recorded exchange: the next server has another nonce', async () => {
    const verifier = await verifierOf('pencil');
    const client = createScramClient({ password: 'pencil' });
    const recorded = createScramServer(verifier).clientFirst(client.first());
    const final = recorded.kind === 'continue' ? await client.final(recorded.bytes) : recorded;
    if (final.kind !== 'final') throw new Error(final.what);
    const server = createScramServer(verifier);
    server.clientFirst(client.first());
    expect(server.clientFinal(final.bytes)).toEqual({ kind: 'violation', what: 'SCRAM nonce does not match' });
  });

  it('throws for no bytes whatever', async () => {
    const verifier = await verifierOf('pencil');
    const noise = fc.oneof(
      fc.uint8Array({ maxLength: 100 }),
      fc.string({ unit: fc.constantFrom(...'npyracimsv=,AB\0') }).map(bytes),
    );
    fc.assert(
      fc.property(noise, noise, (first, final) => {
        const server = createScramServer(verifier);
        server.clientFirst(first);
        expect(server.clientFinal(final).kind).not.toBe('admitted');
      }),
    );
  });
});

describe('createScramClient on a hostile server', () => {
  const corpus: readonly (readonly [name: string, message: string, expected: string])[] = [
    ['an honest one', 'r=abcSERVER,s=QUJD,i=1', 'final'],
    ['one iteration more than a client computes', 'r=abcSERVER,s=QUJD,i=600001', 'too many SCRAM iterations'],
    ['2^31 iterations', 'r=abcSERVER,s=QUJD,i=2147483648', 'too many SCRAM iterations'],
    ['no iterations', 'r=abcSERVER,s=QUJD,i=0', 'malformed SCRAM message'],
    ['negative iterations', 'r=abcSERVER,s=QUJD,i=-1', 'malformed SCRAM message'],
    ['iterations in hexadecimal', 'r=abcSERVER,s=QUJD,i=0x10', 'malformed SCRAM message'],
    ['a nonce of its own', 'r=SERVER,s=QUJD,i=1', 'SCRAM nonce does not match'],
    ['the nonce thrown back', 'r=abc,s=QUJD,i=1', 'SCRAM nonce does not match'],
    ['an empty salt', 'r=abcSERVER,s=,i=1', 'malformed SCRAM message'],
    ['a salt that is no base64', 'r=abcSERVER,s=QUJ!,i=1', 'malformed SCRAM message'],
    ['a mandatory extension', 'm=x,r=abcSERVER,s=QUJD,i=1', 'malformed SCRAM message'],
    ['an error instead', 'e=other-error', 'malformed SCRAM message'],
    ['nothing', '', 'malformed SCRAM message'],
    ['1 MB', `r=abc${'a'.repeat(1_000_000)},s=QUJD,i=1`, 'malformed SCRAM message'],
  ];

  it.each(corpus)('%s', async (_name, message, expected) => {
    const answer = await createScramClientWithNonce({ password: 'pencil' }, 'abc').final(bytes(message));
    expect(answer.kind === 'violation' ? answer.what : answer.kind).toBe(expected);
  });

  it('answers any number of iterations with keys, as they cost nothing then', async () => {
    const keys = { clientKey: new Uint8Array(32), serverKey: new Uint8Array(32) };
    const answer = await createScramClientWithNonce(keys, 'abc').final(bytes('r=abcSERVER,s=QUJD,i=2147483648'));
    expect(answer.kind).toBe('final');
  });

  it.each([
    '',
    'v=',
    'e=invalid-proof',
    `v=${Buffer.alloc(32).toString('base64')}`,
    'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4',
  ])('does not believe %j', async (serverFinal) => {
    const client = createScramClientWithNonce({ password: vector.password }, vector.clientNonce, vector.user);
    await client.final(bytes(vector.serverFirst));
    expect(client.verify(bytes(serverFinal))).toBe(false);
  });
});
