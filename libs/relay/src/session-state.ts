/**
 * Where a session stands between its messages. The transaction status is the one of the last ReadyForQuery, so a session
 * that is `inQuery` may be inside a transaction as well.
 */
export type SessionState =
  | 'idle'
  | 'inTransaction'
  | 'inFailedTransaction'
  /** The compute owes an answer, or one side is in the middle of a message. */
  | 'inQuery'
  | 'inCopyIn'
  | 'inCopyOut'
  /** Replication. */
  | 'inCopyBoth';

/** Whether work was out at the compute: if it is lost now, nobody knows how that work ended (SQLSTATE 08007, else 08006). */
export function isQueryOut(state: SessionState): boolean {
  switch (state) {
    case 'idle':
    case 'inTransaction':
    case 'inFailedTransaction':
      return false;
    case 'inQuery':
    case 'inCopyIn':
    case 'inCopyOut':
    case 'inCopyBoth':
      return true;
  }
}
