import { ClientLimits, type Visit } from '@pgwake/limits';

/** For a session that no limit is to meet. */
export function createUnlimitedVisit(): Visit {
  const entry = new ClientLimits({}, { clock: performance, onRefusal: () => undefined }).enter('127.0.0.1');
  if (entry.kind === 'turnedAway') throw entry.error;
  return entry.visit;
}
