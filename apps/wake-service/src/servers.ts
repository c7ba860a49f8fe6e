// The two servers of wake-service in Nest: gRPC for the proxies, HTTP for people.

import { fileURLToPath } from 'node:url';
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import type { Server as GrpcServer } from '@grpc/grpc-js';
import { NestFactory } from '@nestjs/core';
import { type GrpcOptions, Transport } from '@nestjs/microservices';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { listen, nestLogger } from '@pgwake/nest-kit';
import type { Logger } from '@pgwake/telemetry';
import { wakePackage, wakeProtoUrl } from '@pgwake/wake-api';
import type { Catalog } from '@pgwake/wake-core';
import { guardCallers } from './admin/caller-guard.js';
import { ProblemFilter } from './admin/problem-filter.js';
import { type LoadedServices, serveEndpointAccess } from './grpc/endpoint-access-call.js';
import type { Parts } from './parts.js';
import type { WakeServiceSettings } from './settings.js';
import { WakeServiceModule } from './wake-service.module.js';

const bodyLimit = '64kb';
const adminAddressSetting = 'PGWAKE_WAKE_ADMIN_HOST and PGWAKE_WAKE_ADMIN_PORT';

export interface Servers {
  readonly adminPort: number;
  /** No new requests; resolves when those under way are answered. */
  close(): Promise<void>;
}

/**
 * Rejects with a StartupError when an address cannot be had. Asked before anything is made that takes time, and because
 * gRPC itself only says that it could not.
 */
export async function requireFreeAddresses(settings: WakeServiceSettings): Promise<void> {
  const { grpcHost, grpcPort, adminHost, adminPort } = settings;
  for (const address of [
    { host: grpcHost, port: grpcPort, setting: 'PGWAKE_WAKE_GRPC_HOST and PGWAKE_WAKE_GRPC_PORT' },
    { host: adminHost, port: adminPort, setting: adminAddressSetting },
  ]) {
    const trial = createServer();
    await listen(trial, address);
    await new Promise((resolve) => trial.close(resolve));
  }
}

/** Rejects with a StartupError when an address cannot be had, and leaves nothing open then. */
export async function startServers(
  catalog: Catalog,
  parts: Parts,
  settings: WakeServiceSettings,
  log: Logger,
): Promise<Servers> {
  const app = await NestFactory.create<NestExpressApplication>(WakeServiceModule.with(catalog, parts, log), {
    logger: nestLogger(log),
    abortOnError: false,
    bodyParser: false,
  });
  app.disable('x-powered-by');
  app.use(guardCallers([settings.adminHost, ...settings.adminHostNames]));
  app.useBodyParser('json', { limit: bodyLimit });
  app.useGlobalFilters(new ProblemFilter(log));
  const access = serveEndpointAccess(parts.access, log);
  const grpc = grpcOptions(settings, (services, grpcServer) => access.add(services, grpcServer));
  app.connectMicroservice<GrpcOptions>(grpc, { inheritAppConfig: false });
  try {
    await app.startAllMicroservices();
    serveOpenApi(app);
    await app.init();
    const server = app.getHttpServer() as Server;
    server.headersTimeout = 5_000;
    server.requestTimeout = 10_000;
    const adminPort = await listen(server, {
      host: settings.adminHost,
      port: settings.adminPort,
      setting: adminAddressSetting,
    });
    return {
      adminPort,
      close() {
        access.endStreams();
        return app.close();
      },
    };
  } catch (error) {
    await app.close();
    throw error;
  }
}

function grpcOptions(
  { grpcHost, grpcPort }: WakeServiceSettings,
  onLoadPackageDefinition: (services: LoadedServices, server: GrpcServer) => void,
): GrpcOptions {
  return {
    transport: Transport.GRPC,
    options: {
      url: `${grpcHost.includes(':') ? `[${grpcHost}]` : grpcHost}:${grpcPort}`,
      package: wakePackage,
      protoPath: fileURLToPath(wakeProtoUrl),
      loader: { longs: Number, enums: String, defaults: true, oneofs: true },
      onLoadPackageDefinition,
      gracefulShutdown: true,
      channelOptions: {
        // Requests have a few hundred bytes.
        'grpc.max_receive_message_length': 64 * 1024,
        // A proxy that vanished without a word is noticed within half a minute.
        'grpc.keepalive_time_ms': 20_000,
        'grpc.keepalive_timeout_ms': 10_000,
        // Another process on the same port would get a share of the calls.
        'grpc.so_reuseport': 0,
        // Nobody is served its statistics, which cost every call a little.
        'grpc.enable_channelz': 0,
      },
    },
  };
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
