import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { GatewayError, blames, catalogue, errorCodes, toErrorResponse, toHttpBody } from './index.js';

describe('the catalogue', () => {
  it.each(errorCodes)('%s has a SQLSTATE, an HTTP error status and a known blame', (code) => {
    const entry = catalogue[code];
    expect(entry.sqlState).toMatch(/^[0-9A-Z]{5}$/);
    expect(entry.httpStatus).toBeGreaterThanOrEqual(400);
    expect(entry.httpStatus).toBeLessThan(600);
    expect(blames).toContain(entry.blame);
  });

  it('answers an unknown endpoint with the bytes of a wrong password', () => {
    const params = { user: 'app' };
    expect(toErrorResponse(new GatewayError('ENDPOINT_NOT_FOUND', { params }))).toEqual(
      toErrorResponse(new GatewayError('PASSWORD_FAILED', { params })),
    );
  });

  it('is what docs/errors.md lists, row by row', () => {
    const page = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8');
    const rows = page.split('\n').filter((line) => line.startsWith('| `'));
    expect(rows).toEqual(
      errorCodes.map((code) => {
        const e = catalogue[code];
        return `| \`${code}\` | ${e.blame} | ${e.sqlState} | ${e.httpStatus} | ${e.dial} | ${e.address} | ${e.logLevel} | ${e.text} |`;
      }),
    );
  });
});

describe('what the client reads', () => {
  it('never holds the detail or the cause', () => {
    const error = new GatewayError('COMPUTE_REFUSED', {
      detail: '10.1.2.3:5432',
      cause: new Error('connect ECONNREFUSED 10.1.2.3:5432'),
    });
    expect(JSON.stringify([error.message, toErrorResponse(error), toHttpBody(error)])).not.toContain('10.1.2.3');
  });

  it("passes Postgres' own words on as sent, and ends the session", () => {
    const asSent = { severity: 'ERROR', code: '3D000', message: 'database "x" does not exist' };
    expect(toErrorResponse(new GatewayError('COMPUTE_SAID_NO', { asSent }))).toEqual({ ...asSent, severity: 'FATAL' });
  });

  it('fills the text from the parameters', () => {
    expect(new GatewayError('PASSWORD_FAILED', { params: { user: 'bob' } }).message).toBe(
      'password authentication failed for user "bob"',
    );
  });
});
