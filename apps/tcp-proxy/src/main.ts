import './keep-heap-small.js';
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { loadSettings, nestLogger, runApp } from '@pgwake/nest-kit';
import { createLogger } from '@pgwake/telemetry';
import { tcpProxySettings } from './settings.js';
import { TcpProxyModule } from './tcp-proxy.module.js';

await runApp(async () => {
  const settings = loadSettings(tcpProxySettings, process.env);
  const log = createLogger({ app: 'tcp-proxy', level: settings.logLevel });
  const app = await NestFactory.createApplicationContext(TcpProxyModule.with(settings, log), {
    logger: nestLogger(log),
    abortOnError: false,
  });
  return { log, drain: () => app.close() };
});
