import { createServer } from 'node:net';

// Below the kernel's range for outgoing connections (32768 and up), otherwise any client socket may take the port.
const firstPort = 20_000;
const lastPort = 32_767;

/** A port nobody listens on at the moment of asking. Whoever binds it later must still expect to lose a race. */
export async function findFreePort(host: string): Promise<number> {
  for (;;) {
    const port = firstPort + Math.floor(Math.random() * (lastPort - firstPort + 1));
    if (await canListen(host, port)) return port;
  }
}

function canListen(host: string, port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(false) : reject(error),
    );
    server.listen(port, host, () => server.close(() => resolve(true)));
  });
}
