import { describe, expect, it } from '@jest/globals';
import { GatewayError, errorCodes } from '@pgwake/gateway-errors';
import { readFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import type * as backoff from './backoff.js';
import { defaultPolicy } from './policy.js';
import { expectedVerdicts } from './testing/expected-verdicts.js';
import type * as verdict from './verdict.js';

// The mistakes that others made in these very decisions and did not notice for months. Each is put back into the source of the
// pure file, which is then loaded and held against the same table: the table must notice. Without a mistake it must not.

type Verdicts = typeof verdict;
type BackoffFile = typeof backoff;

async function load(file: string, right: string, wrong: string): Promise<unknown> {
  const source = await readFile(new URL(file, import.meta.url), 'utf8');
  if (!source.includes(right)) throw new Error(`${file} does not say ${JSON.stringify(right)} any more`);
  const mutant = stripTypeScriptTypes(source.replace(right, wrong));
  return import(`data:text/javascript,${encodeURIComponent(mutant)}`);
}

/** The codes for which the verdicts differ from the table. */
function wrongVerdicts({ judgeCachedDial, judgeFreshDial, judgeWake }: Verdicts): string[] {
  return errorCodes.filter((code) => {
    const error = new GatewayError(code);
    const found = {
      cached: judgeCachedDial({ error, proven: false }, 'unconfirmed'),
      cachedAndProven: judgeCachedDial({ error, proven: true }, 'unconfirmed'),
      cachedAndVouched: judgeCachedDial({ error, proven: false }, 'vouched'),
      fresh: judgeFreshDial({ error, proven: false }),
      wake: judgeWake(error),
    };
    return JSON.stringify(found) !== JSON.stringify(expectedVerdicts(code));
  });
}

/** Retries at which the ceiling is no number between base and cap. */
function wrongCeilings({ ceilingMs }: BackoffFile): number[] {
  const { redial } = defaultPolicy;
  return [1, 32, 64, 2_000, 1e9].filter((n) => {
    const ms = ceilingMs(redial, n);
    return Number.isNaN(ms) || ms < redial.baseMs || ms > redial.capMs;
  });
}

describe('the table of verdicts', () => {
  it('holds for the code as it is', async () => {
    expect(wrongVerdicts((await load('verdict.ts', 'dial', 'dial')) as Verdicts)).toEqual([]);
  });
  it.each([
    ['the stop test of a cached dial inverted', "dial === 'stop' ?", "dial !== 'stop' ?"],
    [
      'the stop test of a fresh dial inverted',
      "case 'stop':\n      return { kind: 'stop' };\n    case 'retry':",
      "case 'retry':\n      return { kind: 'stop' };\n    case 'stop':",
    ],
    ['a trusted address distrusted, as when a permit error evicts', '      return address;', "      return 'suspect';"],
    ['a rejected login of a cached address believed', "'trusted' : 'suspect'", "'trusted' : 'trusted'"],
    ['a rejected login distrusted although the compute had proven itself', 'proven || standing', 'standing'],
    [
      'a suspect fresh address trusted, so that nobody asks again',
      "address === 'suspect' ? 'suspect'",
      "address === 'suspect' ? 'trusted'",
    ],
  ])('notices %s', async (_, right, wrong) => {
    expect(wrongVerdicts((await load('verdict.ts', right, wrong)) as Verdicts)).not.toEqual([]);
  });
});

describe('the bounds of the backoff', () => {
  it('hold for the code as it is', async () => {
    expect(wrongCeilings((await load('backoff.ts', 'capMs', 'capMs')) as BackoffFile)).toEqual([]);
  });
  it.each([
    ['no cap', 'Math.min(backoff.capMs, ', 'Math.max(backoff.baseMs, '],
    ['integers that overflow', 'backoff.factor ** (n - 1)', '(1 << (n - 1))'],
    ['a quotient of two powers', 'backoff.factor ** (n - 1)', '(3 ** (n - 1) / 2 ** (n - 1))'],
  ])('notice %s', async (_, right, wrong) => {
    expect(wrongCeilings((await load('backoff.ts', right, wrong)) as BackoffFile)).not.toEqual([]);
  });
});
