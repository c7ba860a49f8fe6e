// The operations port of an app: /livez, /readyz, /metrics over plain HTTP. Nothing tenant-facing, no framework, so it
// answers under pressure.

import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { MetricsRegistry } from '@pgwake/telemetry';
import { listen } from './listen.js';
import type { Readiness } from './readiness.js';

/** Every answer names the process that gives it: whoever started one can tell it from another at the same address. */
const pidHeader = 'pgwake-pid';

export interface OpsServerOptions {
  readonly host: string;
  readonly port: number;
  /** Named in the error when the address cannot be had. */
  readonly setting: string;
  readonly readiness: Readiness;
  readonly registry: MetricsRegistry;
}

export interface OpsServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Rejects with a StartupError when the address cannot be had. */
export async function startOpsServer(options: OpsServerOptions): Promise<OpsServer> {
  const server = createServer((request, response) => void answer(request, response, options));
  server.headersTimeout = 5_000;
  server.requestTimeout = 10_000;
  const port = await listen(server, { host: options.host, port: options.port, setting: options.setting });
  return {
    port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(request: IncomingMessage, response: ServerResponse, options: OpsServerOptions): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') return send(response, 405, 'method not allowed\n');
  switch (request.url?.split('?')[0]) {
    case '/livez':
      return send(response, 200, 'ok\n');
    case '/readyz': {
      const { state } = options.readiness;
      return send(response, state === 'ready' ? 200 : 503, `${state}\n`);
    }
    case '/metrics':
      return send(response, 200, await options.registry.metrics(), options.registry.contentType);
    default:
      return send(response, 404, 'not found\n');
  }
}

function send(response: ServerResponse, status: number, body: string, contentType = 'text/plain; charset=utf-8'): void {
  const headers = { 'content-type': contentType, 'content-length': Buffer.byteLength(body), [pidHeader]: process.pid };
  response.writeHead(status, headers).end(body);
}
