import type { AddressInfo, ListenOptions, Server } from 'node:net';
import { StartupError } from './startup-error.js';

/**
 * Listens, and resolves with the port (useful where 0 was asked for). Rejects with a StartupError that names the
 * setting to change when the address cannot be had.
 */
export function listen(server: Server, options: ListenOptions & { setting: string }): Promise<number> {
  const { setting, ...address } = options;
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException) => {
      const where = `${address.host}:${address.port}`;
      const why =
        error.code === 'EADDRINUSE'
          ? `${where} is taken by another process`
          : `cannot listen on ${where} (${error.code ?? error.message})`;
      reject(new StartupError(`${why}; choose another address with ${setting}.`, { cause: error }));
    };
    server.once('error', fail);
    server.listen(address, () => {
      server.removeListener('error', fail);
      resolve((server.address() as AddressInfo).port);
    });
  });
}
