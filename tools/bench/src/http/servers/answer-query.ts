// What the compared servers have in common: the same pool, the same query on it, an answer of the same shape. As one would
// write it: pg's unnamed parameterised query, and rows as arrays, which is also the cheapest way to have them.

import pg from 'pg';

export interface QueryBody {
  readonly query: string;
  readonly params: readonly unknown[];
}

export interface QueryAnswer {
  readonly command: string;
  readonly rowCount: number | null;
  readonly rowAsArray: true;
  readonly fields: readonly pg.FieldDef[];
  readonly rows: readonly unknown[][];
}

/** As many connections as http-proxy keeps; they stay open between two runs, as its do. PGHOST and so on say where they lead. */
export function createPool(): pg.Pool {
  return new pg.Pool({ max: 20, idleTimeoutMillis: 0 });
}

export async function answerQuery(pool: pg.Pool, { query, params }: QueryBody): Promise<QueryAnswer> {
  const { command, rowCount, fields, rows } = await pool.query<unknown[]>({
    text: query,
    values: [...params],
    rowMode: 'array',
  });
  return { command, rowCount, rowAsArray: true, fields, rows };
}
