// What follows from a catalogue entry, as a table instead of code, to hold against verdict.ts.

import { type ErrorCode, catalogue } from '@pgwake/gateway-errors';

const stop = { kind: 'stop' } as const;
const again = { kind: 'dialAgain', address: 'trusted' } as const;
const againSuspect = { kind: 'dialAgain', address: 'suspect' } as const;
const replace = { kind: 'replace' } as const;
const wakeAgain = { kind: 'wakeAgain' } as const;

// Columns: cached, cached and proven, cached and vouched, fresh, wake.
const table = {
  'stop trusted': [stop, stop, stop, stop, stop],
  'stop suspect': [replace, replace, replace, stop, stop],
  'stop suspectIfCached': [replace, stop, stop, stop, stop],
  'retry trusted': [again, again, again, again, wakeAgain],
  'retry suspect': [replace, replace, replace, againSuspect, wakeAgain],
  'retry suspectIfCached': [replace, again, again, again, wakeAgain],
  'retryAfter trusted': [again, again, again, again, wakeAgain],
  'retryAfter suspect': [replace, replace, replace, againSuspect, wakeAgain],
  'retryAfter suspectIfCached': [replace, again, again, again, wakeAgain],
} as const;

export function expectedVerdicts(code: ErrorCode): Readonly<Record<string, unknown>> {
  const { dial, address } = catalogue[code];
  const [cached, cachedAndProven, cachedAndVouched, fresh, wake] = table[`${dial} ${address}`];
  return { cached, cachedAndProven, cachedAndVouched, fresh, wake };
}
