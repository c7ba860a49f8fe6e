import type pg from 'pg';
import { host } from './peer.ts';

/** On which port of loopback the compute listens that this client is connected to. Throws when it does not use TCP. */
export async function askComputePort(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ port: number | null }>('select inet_server_port() as port');
  const port = rows[0]?.port ?? undefined;
  if (port === undefined) throw new Error(`the compute does not listen on ${host}`);
  return port;
}
