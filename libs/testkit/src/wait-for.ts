import { setTimeout as sleep } from 'node:timers/promises';

const pollIntervalMs = 5;

/**
 * Resolves as soon as `condition` gives something true, and throws after `limitMs`. For what another process or the kernel
 * does; whatever this process does itself has an event to wait for.
 */
export async function waitFor(condition: () => boolean | Promise<boolean>, limitMs: number): Promise<void> {
  const limit = performance.now() + limitMs;
  while (!(await condition())) {
    if (performance.now() > limit) throw new Error(`not within ${limitMs} ms: ${condition.toString()}`);
    await sleep(pollIntervalMs);
  }
}
