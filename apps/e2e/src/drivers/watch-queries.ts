import { waitFor } from '@pgwake/testkit';
import { connectAsSuperuser } from '../clients.js';
import type { Stage } from './stories.js';

const limitMs = 20_000;

/** Resolves when, for each of the words, a query with them in its text sleeps, or waits for a lock, on the stage. */
export async function untilWaiting({ system, endpoint }: Stage, ...words: readonly string[]): Promise<void> {
  const watcher = await connectAsSuperuser(system, endpoint);
  try {
    await waitFor(async () => {
      const { rows } = await watcher.query<{ query: string }>(
        "select query from pg_stat_activity where wait_event in ('PgSleep', 'advisory')",
      );
      return words.every((each) => rows.some(({ query }) => query.includes(each)));
    }, limitMs);
  } finally {
    await watcher.end();
  }
}
