import { describe, expect, it } from '@jest/globals';
import { type GatewayError, catalogue, toErrorResponse } from '@pgwake/gateway-errors';
import { encodeErrorResponse, parseErrorFields } from '@pgwake/pg-wire';
import { classifyServerError } from './classify.js';

function serverError(code: string, message = 'scripted', fields: Record<string, string> = {}): GatewayError {
  const encoded = encodeErrorResponse({ severity: 'FATAL', code, message });
  const extra = Object.entries(fields).map(([letter, text]) => `${letter}${text}\0`);
  const body = Buffer.concat([encoded.subarray(5, -1), Buffer.from(extra.join('')), Buffer.of(0)]);
  const parsed = parseErrorFields(body);
  if (parsed.kind === 'violation') throw new Error(parsed.what);
  return classifyServerError(parsed.value);
}

describe('an error of the compute', () => {
  it.each([
    ['57P03', 'the database system is starting up', 'COMPUTE_STARTING'],
    ['57P03', 'the database system is not yet accepting connections', 'COMPUTE_STARTING'],
    ['57P03', 'the database system is in recovery mode', 'COMPUTE_STARTING'],
    ['57P03', 'the database system is shutting down', 'COMPUTE_SHUTTING_DOWN'],
    ['57P03', 'das Datenbanksystem fährt herunter', 'COMPUTE_STARTING'],
    ['57P01', 'terminating connection due to administrator command', 'COMPUTE_SHUTTING_DOWN'],
    ['57P02', 'the database system is shutting down', 'COMPUTE_SHUTTING_DOWN'],
  ])('%s "%s" is %s, in the words of the catalogue', (sqlState, message, expected) => {
    const error = serverError(sqlState, message);
    expect(error.code).toBe(expected);
    expect(error.message).toBe(catalogue[error.code].text);
  });

  it.each([
    ['53300', 'COMPUTE_FULL'],
    ['28P01', 'COMPUTE_REJECTED_LOGIN'],
    ['28000', 'COMPUTE_REJECTED_LOGIN'],
    ['3D000', 'COMPUTE_SAID_NO'],
    ['22023', 'COMPUTE_SAID_NO'],
    ['XX000', 'COMPUTE_SAID_NO'],
  ])('%s is %s, as sent', (sqlState, expected) => {
    const error = serverError(sqlState, 'its own words', { D: 'detail', R: 'InitializeSessionUserId' });
    expect(error.code).toBe(expected);
    expect(toErrorResponse(error)).toMatchObject({ code: sqlState, message: 'its own words', detail: 'detail' });
  });

  it('about pg_hba.conf does not tell the client the address of the gateway', () => {
    const error = serverError('28000', 'no pg_hba.conf entry for host "10.0.0.7"', { R: 'ClientAuthentication' });
    expect(error.code).toBe('COMPUTE_REJECTED_LOGIN');
    expect(error.detail).toContain('10.0.0.7');
    expect(JSON.stringify(toErrorResponse(error))).not.toContain('10.0.0.7');
  });

  it('without a SQLSTATE breaks the protocol', () => {
    expect(serverError('oops').code).toBe('COMPUTE_PROTOCOL');
  });
});
