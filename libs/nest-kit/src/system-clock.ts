import type { Clock } from '@pgwake/connect-core';

/** Real, monotonic time for connect-core. */
export const systemClock: Clock = {
  now: () => performance.now(),

  sleep: (delay, signal) =>
    new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason as Error);
      const abort = () => {
        clearTimeout(timer);
        reject(signal.reason as Error);
      };
      const timer = setTimeout(() => {
        signal.removeEventListener('abort', abort);
        resolve();
      }, delay);
      signal.addEventListener('abort', abort, { once: true });
    }),

  // Not AbortSignal.any, which is several times as dear, and whose signals are found by the garbage collector only.
  timeout: (delay, parent) => {
    const controller = new AbortController();
    const onParent = () => end(parent.reason);
    const timer = setTimeout(() => end(new Error('time limit reached')), delay);
    const release = () => {
      clearTimeout(timer);
      parent.removeEventListener('abort', onParent);
    };
    const end = (reason: unknown) => {
      release();
      controller.abort(reason);
    };
    if (parent.aborted) onParent();
    else parent.addEventListener('abort', onParent, { once: true });
    return { signal: controller.signal, release };
  },
};
