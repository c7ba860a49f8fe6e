import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type TestPostgres, startTestPostgres } from '@pgwake/testkit';
import { Client } from 'pg';
import { chooseCellWriter } from './cell.js';
import { JsonBytes } from './json-bytes.js';

const written: readonly string[] = ['int2', 'int4', 'float4', 'float8', 'json', 'jsonb'];

function render(typeId: number, text: string): string {
  const out = new JsonBytes();
  chooseCellWriter(typeId, false)(out, new TextEncoder().encode(text), 0, text.length);
  return new TextDecoder().decode(out.take());
}

describe('the types that become JSON', () => {
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await startTestPostgres();
  });
  afterAll(() => postgres.stop());

  it('have in Postgres the numbers that are written here, and so have their arrays', async () => {
    const client = new Client(postgres.connectionConfig);
    await client.connect();
    const { rows } = await client.query<{ oid: number; name: string; element: string | null }>(
      `select t.oid::int, t.typname as name, e.typname as element
         from pg_type t
         left join pg_type e on e.typarray = t.oid and e.typtype in ('b', 'r') and e.typdelim = ','
        where t.typname <> 'bool' and t.oid < 10000`,
    );
    await client.end();
    expect(rows.length).toBeGreaterThan(100);
    const expected = rows.map(({ oid, name, element }) => {
      if (element === null) return [oid, name, written.includes(name) ? '1' : '"1"'];
      if (element === 'bool') return [oid, name, '[false]'];
      return [oid, name, written.includes(element) ? '[1]' : '["1"]'];
    });
    const found = rows.map(({ oid, name, element }) => [oid, name, render(oid, element === null ? '1' : '{1}')]);
    expect(found).toEqual(expected);
  });
});
