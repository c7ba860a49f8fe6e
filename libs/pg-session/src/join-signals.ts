export interface JoinedSignal {
  readonly signal: AbortSignal;
  /** From now on it is aborted no more. To be called when nobody waits any more. */
  release(): void;
}

/**
 * Aborted with the reason of the first of them that is. Not AbortSignal.any, which is several times as dear, and whose signals
 * are found by the garbage collector only.
 */
export function joinSignals(...parents: readonly AbortSignal[]): JoinedSignal {
  const controller = new AbortController();
  const release = () => {
    for (const parent of parents) parent.removeEventListener('abort', onAbort);
  };
  const onAbort = () => {
    release();
    controller.abort(parents.find(({ aborted }) => aborted)?.reason);
  };
  if (parents.some(({ aborted }) => aborted)) onAbort();
  else for (const parent of parents) parent.addEventListener('abort', onAbort);
  return { signal: controller.signal, release };
}
