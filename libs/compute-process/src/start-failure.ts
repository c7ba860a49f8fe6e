// Why a postmaster did not come up: worth another try, or not before somebody changes something.

export interface StartFailure {
  readonly ok: false;
  readonly transient: boolean;
  readonly detail: string;
}

// Texts of Postgres itself (the clusters made here log in English). What is not listed is permanent: trying again for
// ever hides a broken cluster.
const passing = [
  'address already in use',
  'could not create any tcp/ip sockets',
  'pre-existing shared memory block',
  'lock file "postmaster.pid" already exists',
  'cannot allocate memory',
  'resource temporarily unavailable',
  'too many open files',
];

/** The last lines of the log of a postmaster that ended before it was ready, and the signal that ended it, if one did. */
export function classifyEarlyExit(logTail: string, signal: NodeJS.Signals | null): StartFailure {
  if (signal) return { ok: false, transient: true, detail: `postgres was ended by ${signal} while starting` };
  const text = logTail.toLowerCase();
  return {
    ok: false,
    transient: passing.some((words) => text.includes(words)),
    detail: logTail || 'postgres ended without a word',
  };
}

/** What Node threw on the way to a process: a machine short of something recovers, a missing file does not come back. */
export function classifySystemError(error: NodeJS.ErrnoException): StartFailure {
  const transient = ['EAGAIN', 'ENOMEM', 'EMFILE', 'ENFILE'].includes(error.code ?? '');
  return { ok: false, transient, detail: `postgres could not be started: ${error.message}` };
}

export function portTaken(failure: StartFailure): boolean {
  return failure.detail.toLowerCase().includes('address already in use');
}
