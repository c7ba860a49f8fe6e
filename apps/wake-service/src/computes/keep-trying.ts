// The last step of an operation on a compute is to say in the catalog how it ended. While the catalog does not answer,
// that is tried again for as long as this process lives: a record that says `starting` for ever would block its endpoint.

import { setTimeout as sleep } from 'node:timers/promises';
import { isCatalogUnavailable } from '@pgwake/catalog';
import { type Logger, errorKeys } from '@pgwake/telemetry';

const tryAgainAfterMs = 200;

/** Rejects only with what would repeat itself. */
export async function keepTrying<T>(what: string, log: Logger, attempt: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!isCatalogUnavailable(error)) throw error;
      log.warn(errorKeys(error), `${what} failed, trying again`);
      await sleep(tryAgainAfterMs, undefined, { ref: false });
    }
  }
}
