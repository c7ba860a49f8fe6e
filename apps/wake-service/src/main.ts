import 'reflect-metadata';
import { loadSettings, runApp } from '@pgwake/nest-kit';
import { createLogger } from '@pgwake/telemetry';
import { wakeServiceSettings } from './settings.js';
import { startWakeService } from './start-wake-service.js';

await runApp(async () => {
  const settings = loadSettings(wakeServiceSettings, process.env);
  return startWakeService(settings, createLogger({ app: 'wake-service', level: settings.logLevel }));
});
