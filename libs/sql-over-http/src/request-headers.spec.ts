import { describe, expect, it } from '@jest/globals';
import { type HeaderLines, echoTransactionOptions, isFromDriver, parseRequestHeaders, wantsLines } from './index.js';

const connection = { 'neon-connection-string': 'postgres://u:p@demo.localhost/d' };

describe('parseRequestHeaders', () => {
  it('takes a boolean header for true only when it is exactly that', () => {
    const output = (value: string) =>
      parseRequestHeaders({ ...connection, 'neon-raw-text-output': value, 'neon-array-mode': value }).output;
    expect(output('true')).toEqual({ rawText: true, arrayMode: true });
    for (const other of ['TRUE', '1', 'true, true', ' true', '']) {
      expect(output(other)).toEqual({ rawText: false, arrayMode: false });
    }
  });

  it('reads the options of a transaction', () => {
    expect(
      parseRequestHeaders({
        ...connection,
        'neon-batch-isolation-level': 'RepeatableRead',
        'neon-batch-read-only': 'true',
        'neon-batch-deferrable': 'true',
      }).transaction,
    ).toEqual({ isolationLevel: 'repeatable read', readOnly: true, deferrable: true });
    expect(parseRequestHeaders({ ...connection, 'neon-batch-read-only': 'false' }).transaction).toEqual({});
  });

  it('tells back what was asked for', () => {
    const asked = { 'neon-batch-isolation-level': 'ReadCommitted', 'neon-batch-deferrable': 'true' };
    expect(echoTransactionOptions(parseRequestHeaders({ ...connection, ...asked }).transaction)).toEqual(asked);
    expect(echoTransactionOptions({})).toEqual({});
  });

  it.each([
    [{}, 'the header Neon-Connection-String is missing'],
    [
      { ...connection, 'neon-batch-isolation-level': 'serializable' },
      'the header Neon-Batch-Isolation-Level is none of',
    ],
    [
      { ...connection, 'neon-batch-isolation-level': 'constructor' },
      'the header Neon-Batch-Isolation-Level is none of',
    ],
    ...['TRUE', 'False', '1', '', 'true, true', 'true, false'].map((text): [HeaderLines, string] => [
      { ...connection, 'neon-pool-opt-in': text },
      'the header Neon-Pool-Opt-In is neither true nor false',
    ]),
    [{ ...connection, 'pgwake-timeout-ms': '0' }, 'the header Pgwake-Timeout-Ms is no number'],
    [{ ...connection, 'pgwake-timeout-ms': '1e3' }, 'the header Pgwake-Timeout-Ms is no number'],
  ])('refuses %j', (lines, words) => {
    expect(() => parseRequestHeaders(lines)).toThrow(words);
  });

  it.each([
    [undefined, true],
    ['true', true],
    ['false', false],
  ])('takes a pooled connection to be wanted unless told otherwise: %s', (text, pooled) => {
    expect(parseRequestHeaders({ ...connection, 'neon-pool-opt-in': text }).pooled).toBe(pooled);
  });

  it('reads how long the client waits', () => {
    expect(parseRequestHeaders({ ...connection, 'pgwake-timeout-ms': '1500' }).timeoutMs).toBe(1500);
    expect(parseRequestHeaders(connection).timeoutMs).toBeUndefined();
  });
});

describe('a token', () => {
  const withoutPassword = { 'neon-connection-string': 'postgres://u@demo.localhost/d' };

  it.each(['Bearer a.b-c_d.e==', 'bearer   a.b-c_d.e=='])('is what stands behind the scheme in %j', (authorization) => {
    expect(parseRequestHeaders({ ...withoutPassword, authorization }).token).toBe('a.b-c_d.e==');
  });

  it('is none when there is no such header', () => {
    expect(parseRequestHeaders(connection).token).toBeUndefined();
  });

  it.each(['Basic dTpw', 'Bearer', 'Bearer ', 'Bearer a b', 'Bearer a, Bearer b', ''])(
    'is not read from %j',
    (authorization) => {
      expect(() => parseRequestHeaders({ ...withoutPassword, authorization })).toThrow(
        'not of the form Bearer <token>',
      );
    },
  );

  it('does not come together with a password', () => {
    expect(() => parseRequestHeaders({ ...connection, authorization: 'Bearer a' })).toThrow(
      'both a password and a token',
    );
  });
});

describe('isFromDriver', () => {
  it('knows the driver by the two modes it always asks for', () => {
    expect(isFromDriver({ 'neon-raw-text-output': 'true', 'neon-array-mode': 'true' })).toBe(true);
    expect(isFromDriver({ 'neon-raw-text-output': 'true' })).toBe(false);
  });
});

describe('wantsLines', () => {
  it.each(['application/x-ndjson', 'text/html, application/x-ndjson;q=0.9', 'Application/X-NDJSON'])(
    'by %s',
    (accept) => {
      expect(wantsLines({ accept })).toBe(true);
    },
  );
  it.each([undefined, '*/*', 'application/json', 'application/x-ndjson2'])('not by %s', (accept) => {
    expect(wantsLines({ accept })).toBe(false);
  });
});
