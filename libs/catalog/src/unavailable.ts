import { DatabaseError } from 'pg';

/** Connection trouble, no resources, going down or coming up, and conflicts that pass. */
const passingClasses = new Set(['08', '53', '57', '40']);

/** What `pg` says in words only. */
const brokenConnection =
  /^(Connection terminated|Client has encountered a connection error|timeout e|Query read timeout)/;

/**
 * Whether an error of the catalog says that it cannot be asked right now, so that asking again may help. Everything else
 * is a mistake of ours and repeats itself.
 */
export function isCatalogUnavailable(error: unknown): boolean {
  if (error instanceof DatabaseError) return passingClasses.has(error.code?.slice(0, 2) ?? '');
  const { syscall, errors, message } = (error ?? {}) as { syscall?: unknown; errors?: unknown; message?: unknown };
  // Several addresses were tried, each with a system error of its own.
  const isSystemError = typeof syscall === 'string' || Array.isArray(errors);
  return isSystemError || (typeof message === 'string' && brokenConnection.test(message));
}
