import { holdFreePort } from './free-port.js';

const portSettings = [
  'PGWAKE_TCP_PORT',
  'PGWAKE_TCP_OPS_PORT',
  'PGWAKE_HTTP_PORT',
  'PGWAKE_HTTP_OPS_PORT',
  'PGWAKE_WAKE_GRPC_PORT',
  'PGWAKE_WAKE_ADMIN_PORT',
  'PGWAKE_WAKE_OPS_PORT',
] as const;

export type PortSettings = Readonly<Record<(typeof portSettings)[number] | 'PGWAKE_WAKE_ADDRESS', string>>;

/** Settings with ports that are free now, so that systems under test stay out of each other's way. */
export async function findFreePortSettings(): Promise<PortSettings> {
  // Held all at once, so they differ.
  const held = await Promise.all(portSettings.map(async (name) => ({ name, ...(await holdFreePort()) })));
  await Promise.all(held.map(({ server }) => new Promise((resolve) => server.close(resolve))));
  const ports = Object.fromEntries(held.map(({ name, port }) => [name, String(port)])) as Record<
    (typeof portSettings)[number],
    string
  >;
  return { ...ports, PGWAKE_WAKE_ADDRESS: `127.0.0.1:${ports.PGWAKE_WAKE_GRPC_PORT}` };
}
