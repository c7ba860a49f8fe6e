import { describe, expect, it } from '@jest/globals';
import { GatewayError, toErrorResponse } from '@pgwake/gateway-errors';
import { classifyDialError } from './classify-dial-error.js';

function nodeError(code: string, syscall = 'connect'): Error {
  return Object.assign(new Error(`${syscall} ${code} 10.0.0.7:5432`), { code, syscall });
}

describe('an error of Node', () => {
  it.each([
    ['ECONNREFUSED', 'COMPUTE_REFUSED'],
    ['ENOENT', 'COMPUTE_REFUSED'],
    ['ETIMEDOUT', 'COMPUTE_UNREACHABLE'],
    ['EHOSTUNREACH', 'COMPUTE_UNREACHABLE'],
    ['ENETUNREACH', 'COMPUTE_UNREACHABLE'],
    ['EADDRNOTAVAIL', 'COMPUTE_UNREACHABLE'],
    ['EACCES', 'COMPUTE_UNREACHABLE'],
    ['ECONNRESET', 'COMPUTE_RESET'],
    ['EPIPE', 'COMPUTE_RESET'],
    ['EAGAIN', 'COMPUTE_FULL'],
    ['EMFILE', 'INTERNAL'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'COMPUTE_PROTOCOL'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'COMPUTE_IDENTITY_MISMATCH'],
    ['ERR_SOCKET_BAD_PORT', 'INTERNAL'],
  ])('%s is %s', (code, expected) => {
    expect(classifyDialError(nodeError(code)).code).toBe(expected);
  });

  it.each([
    ['ENOTFOUND', 'getaddrinfo'],
    ['EAI_AGAIN', 'getaddrinfo'],
    ['ESERVFAIL', 'queryA'],
    ['ETIMEOUT', 'queryAaaa'],
    ['ECONNREFUSED', 'queryA'],
  ])('%s of %s is DNS_FAILED', (code, syscall) => {
    expect(classifyDialError(nodeError(code, syscall)).code).toBe('DNS_FAILED');
  });

  it.each<[string, unknown, string]>([
    [
      'below causes and among the errors of several addresses',
      new Error('outer', { cause: new AggregateError([new Error('?'), nodeError('EHOSTUNREACH')]) }),
      'COMPUTE_UNREACHABLE',
    ],
    [
      // As Node throws it when every address of a name failed.
      'in an AggregateError that repeats its code',
      Object.assign(new AggregateError([nodeError('ECONNREFUSED'), nodeError('ENETUNREACH')]), {
        code: 'ECONNREFUSED',
      }),
      'COMPUTE_REFUSED',
    ],
    [
      'of DNS in an AggregateError that repeats its code and hides the syscall',
      Object.assign(new AggregateError([nodeError('ECONNREFUSED', 'queryA')]), { code: 'ECONNREFUSED' }),
      'DNS_FAILED',
    ],
    [
      'in the error of a client library with a code of its own',
      Object.assign(new Error('write CONNECT_FAILED', { cause: nodeError('ECONNRESET', 'read') }), {
        code: 'CONNECT_FAILED',
      }),
      'COMPUTE_RESET',
    ],
    [
      'in an error of Node about itself',
      Object.assign(new Error('failed', { cause: nodeError('ETIMEDOUT') }), { code: 'ERR_STREAM_DESTROYED' }),
      'COMPUTE_UNREACHABLE',
    ],
    ['two aggregates deep', new AggregateError([new AggregateError([nodeError('EPIPE', 'write')])]), 'COMPUTE_RESET'],
  ])('is found %s', (_, thrown, expected) => {
    const error = classifyDialError(thrown);
    expect(error.code).toBe(expected);
    expect(error.cause).toBe(thrown);
  });

  it('is not looked for without end', () => {
    let buried: unknown = nodeError('ECONNREFUSED');
    for (let depth = 0; depth < 100; depth++) buried = new Error('wrapped', { cause: buried });
    expect(classifyDialError(buried).code).toBe('INTERNAL');
  });

  it('may be its own cause', () => {
    const loop = new Error('loop');
    loop.cause = loop;
    expect(classifyDialError(loop).code).toBe('INTERNAL');
  });

  it('shows the client neither address nor code', () => {
    const error = classifyDialError(nodeError('ECONNREFUSED'), '10.0.0.7:5432');
    expect(error.detail).toContain('10.0.0.7');
    expect(JSON.stringify(toErrorResponse(error))).not.toMatch(/10\.0\.0\.7|ECONN/);
  });
});

it('an error of the catalogue stays what it is', () => {
  const error = new GatewayError('COMPUTE_PROTOCOL');
  expect(classifyDialError(error)).toBe(error);
});

it.each([[undefined], [null], ['text'], [{ code: 5 }]])('%j is our own mistake', (thrown) => {
  expect(classifyDialError(thrown).code).toBe('INTERNAL');
});
