import { describe, expect, it } from '@jest/globals';
import { type ErrorCode, GatewayError, errorCodes } from '@pgwake/gateway-errors';
import { expectedVerdicts } from './testing/expected-verdicts.js';
import * as verdict from './verdict.js';

const failure = (code: ErrorCode, proven = false) => ({ error: new GatewayError(code), proven });

describe('the verdict on a failed dial', () => {
  it.each([...errorCodes])('for %s is what the catalogue says, in every standing of the address', (code) => {
    expect(expectedVerdicts(code)).toEqual({
      cached: verdict.judgeCachedDial(failure(code), 'unconfirmed'),
      cachedAndProven: verdict.judgeCachedDial(failure(code, true), 'unconfirmed'),
      cachedAndVouched: verdict.judgeCachedDial(failure(code), 'vouched'),
      fresh: verdict.judgeFreshDial(failure(code)),
      wake: verdict.judgeWake(new GatewayError(code)),
    });
  });

  it('sees all four combinations of the two questions', () => {
    const fresh = (code: ErrorCode) => verdict.judgeFreshDial(failure(code));
    const cached = (code: ErrorCode) => verdict.judgeCachedDial(failure(code), 'unconfirmed').kind;
    expect([fresh('COMPUTE_REFUSED').kind, cached('COMPUTE_REFUSED')]).toEqual(['dialAgain', 'replace']);
    expect([fresh('COMPUTE_STARTING').kind, cached('COMPUTE_STARTING')]).toEqual(['dialAgain', 'dialAgain']);
    expect([fresh('COMPUTE_PROTOCOL').kind, cached('COMPUTE_PROTOCOL')]).toEqual(['stop', 'replace']);
    expect([fresh('INTERNAL').kind, cached('INTERNAL')]).toEqual(['stop', 'stop']);
  });

  it.each(['DIAL_QUEUE_FULL', 'TOO_MANY_CONNECTIONS', 'RATE_LIMITED', 'RETRY_BUDGET_SPENT', 'DRAINING'] as const)(
    'for %s never replaces an address: not being allowed to try says nothing about it',
    (code) => {
      expect(verdict.judgeCachedDial(failure(code), 'unconfirmed').kind).not.toBe('replace');
    },
  );

  it('is shared with the others at the gate unless it came from the login', () => {
    expect(verdict.levelOf(failure('COMPUTE_REFUSED'))).toBe('address');
    expect(verdict.levelOf(failure('COMPUTE_STARTING'))).toBe('address');
    expect(verdict.levelOf(failure('COMPUTE_IDENTITY_MISMATCH'))).toBe('address');
    expect(verdict.levelOf(failure('COMPUTE_REJECTED_LOGIN'))).toBe('login');
    expect(verdict.levelOf(failure('COMPUTE_FULL'))).toBe('login');
  });
});
