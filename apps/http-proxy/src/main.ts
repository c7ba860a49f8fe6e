import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { loadSettings, nestLogger, runApp } from '@pgwake/nest-kit';
import { createLogger } from '@pgwake/telemetry';
import { HttpProxyModule } from './http-proxy.module.js';
import { httpProxySettings } from './settings.js';

await runApp(async () => {
  const settings = loadSettings(httpProxySettings, process.env);
  const log = createLogger({ app: 'http-proxy', level: settings.logLevel });
  const app = await NestFactory.createApplicationContext(HttpProxyModule.with(settings, log), {
    logger: nestLogger(log),
    abortOnError: false,
  });
  return { log, drain: () => app.close() };
});
