import type { System } from '@pgwake/testkit';

/** How many requests this http-proxy knew by the head of the one before. */
export async function countRepeats(system: System, proxy?: number): Promise<number> {
  const metrics = await system.app('http-proxy', proxy).metrics();
  return Number(/^pgwake_http_repeated_requests_total\S* (\d+)$/m.exec(metrics)?.[1]);
}
