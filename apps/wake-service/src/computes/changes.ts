// Waiting for the record of an endpoint to change. The catalog's word is a hint that can be lost, so a wait also ends
// after a while; whoever waits reads the record again and decides anew.

import type { EndpointId } from '@pgwake/ids';
import type { Catalog } from '@pgwake/wake-core';

const lookAgainAfterMs = 1_000;

export interface PendingChange {
  /** Resolves once the record may have changed since this was made. */
  arrival(): Promise<void>;
  /** To be called when nobody waits any more. */
  release(): void;
}

/** To be made before the record is read: a change between reading and waiting must not be missed. */
export function expectChange(catalog: Catalog, endpoint: EndpointId): PendingChange {
  let announce: () => void = () => undefined;
  const announced = new Promise<void>((resolve) => (announce = resolve));
  const unsubscribe = catalog.onChange((id) => {
    if (id === undefined || id === endpoint) announce();
  });
  let timer: NodeJS.Timeout | undefined;
  return {
    arrival() {
      timer ??= setTimeout(announce, lookAgainAfterMs);
      return announced;
    },
    release() {
      clearTimeout(timer);
      unsubscribe();
    },
  };
}

/**
 * Reads the record, lets `decide` act on it, and repeats as long as that says `again` (at once) or `await` (after the
 * next change). Resolves with the first value of any other kind.
 */
export async function untilDecided<T extends object>(
  catalog: Catalog,
  endpoint: EndpointId,
  decide: (record: Awaited<ReturnType<Catalog['find']>>) => Promise<T | 'again' | 'await'>,
): Promise<T> {
  for (;;) {
    const change = expectChange(catalog, endpoint);
    try {
      const decision = await decide(await catalog.find(endpoint));
      if (decision === 'await') await change.arrival();
      else if (decision !== 'again') return decision;
    } finally {
      change.release();
    }
  }
}
