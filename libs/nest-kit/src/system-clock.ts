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

  timeout: (delay, parent) => {
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(new Error('time limit reached')), delay);
    return { signal: AbortSignal.any([controller.signal, parent]), release: () => clearTimeout(timer) };
  },
};
