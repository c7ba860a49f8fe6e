// The child process of a storm: many clients of `pg` in a process of their own, so that whoever started the storm stays
// responsive. Says how it went for each of them as soon as it is known.

import pg from 'pg';

/** What the child is told at first; after that, any message means that the clients it holds may leave. */
export interface StormOrder {
  readonly clients: readonly { readonly number: number; readonly config: pg.ClientConfig }[];
  /** What a client does once it has its row. */
  readonly thenThey: 'leave' | 'stay';
}

export interface ClientOutcome {
  readonly number: number;
  /** From the first step of connecting. */
  readonly tookMs: number;
  /** Milliseconds since 1970-01-01 UTC, with fractions. */
  readonly endedAtMs: number;
  readonly result: { readonly ok: true; readonly computeName: string } | { readonly ok: false; readonly error: string };
}

const staying: pg.Client[] = [];

process.once('disconnect', () => process.exit());
process.once('message', (order: StormOrder) => {
  process.on('message', () => void leave());
  // All of them in one turn of the event loop: as much at once as a process can.
  for (const { number, config } of order.clients) void run(number, config, order.thenThey);
});

async function run(number: number, config: pg.ClientConfig, thenThey: StormOrder['thenThey']): Promise<void> {
  const begunAt = performance.now();
  const tell = (result: ClientOutcome['result']): void => {
    const now = performance.now();
    const outcome: ClientOutcome = {
      number,
      tookMs: now - begunAt,
      endedAtMs: performance.timeOrigin + now,
      result,
    };
    process.send?.(outcome);
  };
  const client = new pg.Client(config);
  client.on('error', () => undefined); // the promises say it too
  try {
    await client.connect();
    const { rows } = await client.query<{ echo: number; name: string }>(
      `select ${number}::int as echo, current_setting('cluster_name') as name`,
    );
    const [row] = rows;
    if (rows.length !== 1 || row?.echo !== number) throw new Error(`asked for ${number}, got ${JSON.stringify(rows)}`);
    tell({ ok: true, computeName: row.name });
  } catch (error) {
    tell({ ok: false, error: describe(error) });
  }
  if (thenThey === 'stay') staying.push(client);
  else await client.end().catch(() => undefined);
}

async function leave(): Promise<void> {
  await Promise.allSettled(staying.map((client) => client.end()));
  process.disconnect();
}

function describe(error: unknown): string {
  const { code = '', message } = error as { code?: string; message: string };
  return `${code} ${message}`.trim();
}
