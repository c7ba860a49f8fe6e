import { describe, expect, it } from '@jest/globals';
import { type EndpointId, parseEndpointId } from '@pgwake/ids';
import { parseAccessResponse, parseTokenAccessResponse, parseWakeResponse } from './parse-answer.js';

const demo = parseEndpointId('demo') as EndpointId;

const node = {
  endpoint: 'demo',
  generation: '3',
  address: { host: '127.0.0.1', port: 5432 },
  identity: { clusterName: 'pgwake/demo/3' },
  issuedAt: '1790000000000',
  signature: 'v1.key.mac',
  startKind: 'START_KIND_STARTED',
};

describe('a node', () => {
  it('is taken when every field makes sense', () => {
    expect(parseWakeResponse({ node }, demo)).toEqual({
      ok: true,
      value: {
        ok: true,
        node: {
          endpoint: 'demo',
          generation: 3,
          address: { kind: 'tcp', host: '127.0.0.1', port: 5432 },
          identity: { kind: 'clusterName', value: 'pgwake/demo/3' },
          issuedAtMs: 1_790_000_000_000,
          signature: 'v1.key.mac',
          startKind: 'started',
        },
      },
    });
  });

  it.each([
    [
      { socketDirectory: '/run/pgwake/demo', port: 1 },
      { kind: 'unix', socketDirectory: '/run/pgwake/demo', port: 1 },
    ],
    [
      { host: '::1', port: 65535 },
      { kind: 'tcp', host: '::1', port: 65535 },
    ],
    [{ host: 'ep-1.computes.svc.cluster.local.', port: 5432 }, expect.objectContaining({ kind: 'tcp' })],
  ])('may listen at %j', (address, expected) => {
    expect(parseWakeResponse({ node: { ...node, address } }, demo)).toMatchObject({
      value: { node: { address: expected } },
    });
  });

  it.each([[undefined], [''], [7], ['x'.repeat(201)]])('with %j for a signature counts as unsigned', (signature) => {
    expect(parseWakeResponse({ node: { ...node, signature } }, demo)).toMatchObject({
      value: { node: { signature: undefined } },
    });
  });

  it('of an unknown start kind is dialled all the same', () => {
    expect(parseWakeResponse({ node: { ...node, startKind: 9 } }, demo)).toMatchObject({
      value: { node: { startKind: 'running' } },
    });
  });

  it.each([
    ['another endpoint', { endpoint: 'other' }],
    ['the endpoint in capitals', { endpoint: 'DEMO' }],
    ['no generation', { generation: undefined }],
    ['generation 0', { generation: '0' }],
    ['a generation above 2^53', { generation: '9007199254740993' }],
    ['no address', { address: undefined }],
    ['no port', { address: { host: '127.0.0.1' } }],
    ['port 65536', { address: { host: '127.0.0.1', port: 65536 } }],
    ['neither host nor directory', { address: { port: 5432 } }],
    ['host and directory', { address: { host: 'a', socketDirectory: '/b', port: 5432 } }],
    ['a host with a space', { address: { host: 'a b', port: 5432 } }],
    ['a host with a NUL', { address: { host: 'a\0b', port: 5432 } }],
    ['a host of 254 characters', { address: { host: 'a.'.repeat(127), port: 5432 } }],
    ['a relative directory', { address: { socketDirectory: 'run', port: 5432 } }],
    ['a directory with a NUL', { address: { socketDirectory: '/run\0', port: 5432 } }],
    ['a directory too long for a socket', { address: { socketDirectory: `/${'x'.repeat(88)}`, port: 5432 } }],
    ['no identity', { identity: {} }],
    ['an empty identity', { identity: { clusterName: '' } }],
    ['two identities', { identity: { clusterName: 'a', unproven: true } }],
    ['no instant', { issuedAt: undefined }],
    ['no text at all', { issuedAt: 'yesterday' }],
  ])('with %s is malformed', (_, change) => {
    expect(parseWakeResponse({ node: { ...node, ...change } }, demo)).toMatchObject({ ok: false });
  });
});

describe('a failure', () => {
  it('keeps reason, delay and detail', () => {
    const failure = { reason: 'BUSY', retryAfterMs: 250, detail: 'being suspended' };
    expect(parseWakeResponse({ failure }, demo)).toEqual({ ok: true, value: { ok: false, failure } });
  });

  it.each([[77], ['WAKE_FAILURE_REASON_UNSPECIFIED'], [undefined]])('with the reason %j is UNKNOWN', (reason) => {
    expect(parseWakeResponse({ failure: { reason } }, demo)).toEqual({
      ok: true,
      value: { ok: false, failure: { reason: 'UNKNOWN', retryAfterMs: undefined, detail: '' } },
    });
  });
});

it.each([[undefined], [null], ['text'], [{}], [[]]])('%j is no answer to a wake', (message) => {
  expect(parseWakeResponse(message, demo)).toMatchObject({ ok: false });
});

it('an answer about access needs a verifier', () => {
  expect(parseAccessResponse({ verifier: 'v' })).toEqual({
    ok: true,
    value: { verifier: 'v', disabled: false, allowedNetworks: [] },
  });
  expect(parseAccessResponse({ verifier: 'v', allowedNetworks: ['10.0.0.0/8'] })).toMatchObject({
    value: { allowedNetworks: ['10.0.0.0/8'] },
  });
  expect(parseAccessResponse({ verifier: 'v', allowedNetworks: [1] })).toMatchObject({ ok: false });
  expect(parseAccessResponse({ verifier: 'v', endpointDisabled: true })).toMatchObject({ value: { disabled: true } });
  expect(parseAccessResponse({})).toMatchObject({ ok: false });
});

describe('token access', () => {
  const key = Buffer.alloc(32, 1);
  const message = { rule: { jwksUrl: 'https://login.example/keys', audience: 'shop' }, clientKey: key, serverKey: key };

  it('is a rule with the keys for the login', () => {
    expect(parseTokenAccessResponse(message)).toEqual({
      ok: true,
      value: {
        login: {
          rule: { keySet: { kind: 'url', url: 'https://login.example/keys' }, issuer: undefined, audience: 'shop' },
          clientKey: key,
          serverKey: key,
        },
        disabled: false,
        allowedNetworks: [],
      },
    });
  });

  it('is nothing for a role that takes no tokens', () => {
    expect(parseTokenAccessResponse({ endpointDisabled: true })).toEqual({
      ok: true,
      value: { login: undefined, disabled: true, allowedNetworks: [] },
    });
  });

  it.each([
    ['no keys', { ...message, clientKey: undefined }],
    ['keys of a wrong length', { ...message, serverKey: Buffer.alloc(31) }],
    ['two key sets', { ...message, rule: { jwksUrl: 'https://login.example/keys', jwks: '{}' } }],
    ['no key set', { ...message, rule: { issuer: 'x' } }],
    ['a rule that is none', { ...message, rule: 'x' }],
  ])('with %s makes no sense', (_what, broken) => {
    expect(parseTokenAccessResponse(broken)).toMatchObject({ ok: false });
  });
});
