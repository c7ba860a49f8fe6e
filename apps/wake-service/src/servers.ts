// The two servers of wake-service in Nest: gRPC for the proxies, HTTP for people.

import { fileURLToPath } from 'node:url';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { NestFactory } from '@nestjs/core';
import { type GrpcOptions, Transport } from '@nestjs/microservices';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { StartupError, listen, nestLogger } from '@pgwake/nest-kit';
import type { Logger } from '@pgwake/telemetry';
import { wakePackage, wakeProtoUrl } from '@pgwake/wake-api';
import type { Catalog } from '@pgwake/wake-core';
import { guardCallers } from './admin/caller-guard.js';
import { ProblemFilter } from './admin/problem-filter.js';
import type { Parts } from './parts.js';
import type { WakeServiceSettings } from './settings.js';
import { WakeServiceModule } from './wake-service.module.js';

const bodyLimit = '64kb';

export interface Servers {
  readonly adminPort: number;
  /** No new requests; resolves when those under way are answered. */
  close(): Promise<void>;
}

/** Rejects with a StartupError when an address cannot be had, and leaves nothing open then. */
export async function startServers(
  catalog: Catalog,
  parts: Parts,
  settings: WakeServiceSettings,
  log: Logger,
): Promise<Servers> {
  const app = await NestFactory.create<NestExpressApplication>(WakeServiceModule.with(catalog, parts), {
    logger: nestLogger(log),
    abortOnError: false,
    bodyParser: false,
    forceCloseConnections: true,
  });
  app.disable('x-powered-by');
  app.use(guardCallers([settings.adminHost, ...settings.adminHostNames]));
  app.useBodyParser('json', { limit: bodyLimit });
  app.useGlobalFilters(new ProblemFilter(log));
  app.connectMicroservice<GrpcOptions>(grpcOptions(settings), { inheritAppConfig: false });
  try {
    await listenGrpc(app, settings);
    serveOpenApi(app);
    await app.init();
    const server = app.getHttpServer() as Server;
    server.headersTimeout = 5_000;
    server.requestTimeout = 10_000;
    const adminPort = await listen(server, {
      host: settings.adminHost,
      port: settings.adminPort,
      setting: 'PGWAKE_WAKE_ADMIN_HOST and PGWAKE_WAKE_ADMIN_PORT',
    });
    return { adminPort, close: () => app.close() };
  } catch (error) {
    await app.close();
    throw error;
  }
}

function grpcOptions({ grpcHost, grpcPort }: WakeServiceSettings): GrpcOptions {
  return {
    transport: Transport.GRPC,
    options: {
      url: `${grpcHost.includes(':') ? `[${grpcHost}]` : grpcHost}:${grpcPort}`,
      package: wakePackage,
      protoPath: fileURLToPath(wakeProtoUrl),
      loader: { longs: Number, enums: String, defaults: true, oneofs: true },
      gracefulShutdown: true,
      channelOptions: {
        // Requests have a few hundred bytes.
        'grpc.max_receive_message_length': 64 * 1024,
        // A proxy that vanished without a word is noticed within half a minute.
        'grpc.keepalive_time_ms': 20_000,
        'grpc.keepalive_timeout_ms': 10_000,
        // Another process on the same port would get a share of the calls.
        'grpc.so_reuseport': 0,
      },
    },
  };
}

async function listenGrpc(app: NestExpressApplication, { grpcHost, grpcPort }: WakeServiceSettings): Promise<void> {
  try {
    await app.startAllMicroservices();
  } catch (error) {
    throw new StartupError(
      `cannot listen on ${grpcHost}:${grpcPort}; choose another address with PGWAKE_WAKE_GRPC_HOST and PGWAKE_WAKE_GRPC_PORT.`,
      { cause: error },
    );
  }
}

function serveOpenApi(app: NestExpressApplication): void {
  const config = new DocumentBuilder()
    .setTitle('pgwake admin API')
    .setDescription('Makes, wakes, suspends and removes endpoints. For people and tools on the inside only.')
    .setVersion('1')
    .build();
  const document = JSON.stringify(SwaggerModule.createDocument(app, config));
  app.getHttpAdapter().get('/openapi.json', (_: IncomingMessage, response: ServerResponse) => {
    response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' }).end(document);
  });
}
