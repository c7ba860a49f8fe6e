// The rules of a journey, written a second time and differently: from a finished history (calls and what they met) to the
// rules it broke. It reads the catalogue and knows nothing of the code under test.

import type { GatewayError } from '@pgwake/gateway-errors';

/** What was called and what came of it. */
export type Happening =
  | { readonly did: 'wake'; readonly suspect: number | undefined; readonly named: number }
  | { readonly did: 'wake'; readonly suspect: number | undefined; readonly failed: GatewayError }
  | { readonly did: 'dial'; readonly origin: 'cached' | 'fresh'; readonly generation: number; readonly met: DialMet }
  | { readonly did: 'evict'; readonly generation: number }
  | { readonly did: 'put'; readonly generation: number };

export type DialMet = 'connected' | { readonly error: GatewayError; readonly proven: boolean };

export interface History {
  readonly cached: number | undefined;
  readonly askAgainAfterSuspectDials: number;
  readonly happenings: readonly Happening[];
  /** The generation reached, or the code of the error. */
  readonly end: number | string;
  /** How the journey may end although something else was due: when its time or its retries are used up. */
  readonly endings: readonly string[];
}

/** What must come next. `end`: the journey ends with that. */
type Due =
  | { readonly due: 'wake'; readonly suspect: number | undefined }
  | { readonly due: 'dial'; readonly origin: 'cached' | 'fresh'; readonly generation: number }
  | { readonly due: 'evict'; readonly generation: number }
  | { readonly due: 'put'; readonly generation: number }
  | { readonly due: 'end'; readonly with: number | string };

/**
 * Every rule it broke, in words; empty when all is well. At each point exactly one call is right, which says at once: never
 * dial a suspect; wake if and only if evicted, missing or asking again; no dial while waking fails; stop means stop; evict
 * neither fresh nor trusted, and once at most; ask again about a fresh compute that dies.
 */
export function brokenRules(history: History): string[] {
  const broken: string[] = [];
  let suspectDials = 0;
  let evictions = 0;
  let due: Due =
    history.cached === undefined
      ? { due: 'wake', suspect: undefined }
      : { due: 'dial', origin: 'cached', generation: history.cached };

  for (const happening of history.happenings) {
    const wrong = mismatch(due, happening);
    if (wrong !== undefined) broken.push(wrong);
    if (happening.did === 'evict') evictions += 1;
    if (happening.did === 'dial' && isSuspectFromFresh(happening)) suspectDials += 1;
    due = after(happening, suspectDials, history);
  }
  if (evictions > 1) broken.push(`evicted ${evictions} times in one journey`);
  if (due.due === 'end') {
    if (due.with !== history.end) broken.push(`ended with ${history.end} instead of ${due.with}`);
  } else if (!history.endings.includes(String(history.end))) {
    broken.push(`ended with ${history.end} although ${JSON.stringify(due)} was due`);
  }
  return broken;
}

function after(happening: Happening, suspectDials: number, history: History): Due {
  switch (happening.did) {
    case 'wake': {
      if ('named' in happening) return { due: 'dial', origin: 'fresh', generation: happening.named };
      const { code, entry } = happening.failed;
      return entry.dial === 'stop' ? { due: 'end', with: code } : { due: 'wake', suspect: happening.suspect };
    }
    case 'evict':
      return { due: 'wake', suspect: happening.generation };
    case 'put':
      return { due: 'end', with: happening.generation };
    case 'dial': {
      const { met, origin, generation } = happening;
      if (met === 'connected') return { due: 'put', generation };
      const { dial, address } = met.error.entry;
      const suspect = address === 'suspect' || (address === 'suspectIfCached' && origin === 'cached' && !met.proven);
      if (origin === 'cached' && suspect) return { due: 'evict', generation };
      if (dial === 'stop') return { due: 'end', with: met.error.code };
      const asks = isSuspectFromFresh(happening) && suspectDials % history.askAgainAfterSuspectDials === 0;
      return asks ? { due: 'wake', suspect: generation } : { due: 'dial', origin, generation };
    }
  }
}

function isSuspectFromFresh(happening: Happening & { did: 'dial' }): boolean {
  const { met, origin } = happening;
  if (met === 'connected' || origin === 'cached') return false;
  return met.error.entry.address === 'suspect' && met.error.entry.dial !== 'stop';
}

function mismatch(due: Due, happening: Happening): string | undefined {
  const expected = JSON.stringify(due);
  const found = `${happening.did} came where ${expected} was due`;
  if (due.due !== happening.did) return found;
  switch (happening.did) {
    case 'wake':
      return due.due === 'wake' && due.suspect === happening.suspect ? undefined : `${found}: ${happening.suspect}`;
    case 'dial':
      return due.due === 'dial' && due.origin === happening.origin && due.generation === happening.generation
        ? undefined
        : `${found}: ${happening.origin} ${happening.generation}`;
    case 'evict':
    case 'put':
      return (due.due === 'evict' || due.due === 'put') && due.generation === happening.generation
        ? undefined
        : `${found}: ${happening.generation}`;
  }
}
