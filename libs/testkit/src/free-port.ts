import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { type Server, createServer } from 'node:net';

/** Below those that systems give to connections: one that anybody makes in the meantime cannot take it. */
const [lowest, highest] = [10_000, 32_767];
const mostTries = 100;

/** Listens on a port of 127.0.0.1 that nobody else has. */
export async function holdFreePort(): Promise<{ readonly server: Server; readonly port: number }> {
  for (let tries = 1; ; tries += 1) {
    const port = randomInt(lowest, highest + 1);
    const server = createServer().listen(port, '127.0.0.1');
    try {
      await once(server, 'listening');
      return { server, port };
    } catch (error) {
      if (tries === mostTries) throw error;
    }
  }
}

/** A port of 127.0.0.1 that nobody had a moment ago. Somebody else may be faster. */
export async function findFreePort(): Promise<number> {
  const { server, port } = await holdFreePort();
  server.close();
  await once(server, 'close');
  return port;
}
