import { performance } from 'node:perf_hooks';
import pg from 'pg';

/** Milliseconds from `begunAt` until a new client has read the row of `SELECT 1`. The client is closed before it returns. */
export async function timeFirstRow(config: pg.ClientConfig, begunAt = performance.now()): Promise<number> {
  const client = new pg.Client(config);
  try {
    await client.connect();
    await client.query('SELECT 1');
    return performance.now() - begunAt;
  } finally {
    await client.end();
  }
}
