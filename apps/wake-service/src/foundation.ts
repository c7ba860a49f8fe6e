// What wake-service stands on, in the order it is needed: a place for data, the catalog, the driver of computes. What is
// missing is told to the operator in one sentence.

import { type CatalogConnection, connectCatalog } from '@pgwake/catalog';
import { ComputeSetupError, type ProcessHome, createProcessDriver, prepareHome } from '@pgwake/compute-process';
import { StartupError } from '@pgwake/nest-kit';
import type { Logger } from '@pgwake/telemetry';
import type { ComputeDriver } from '@pgwake/wake-core';
import type { ClientConfig } from 'pg';
import { EmbeddedCatalog } from './embedded-catalog.js';
import type { WakeServiceSettings } from './settings.js';

export interface Foundation {
  readonly catalog: CatalogConnection;
  readonly driver: ComputeDriver;
  readonly mockSecret: Uint8Array;
  /** Computes that run are left running. */
  close(): Promise<void>;
}

/** Rejects with a StartupError, and leaves nothing behind then. */
export async function layFoundation(settings: WakeServiceSettings, log: Logger): Promise<Foundation> {
  const onProgress = (progress: string): void => log.info({ progress }, progress);
  const home = await explain(prepareHome({ dataDir: settings.dataDir, binDir: settings.postgresBinDir, onProgress }));
  const embedded =
    settings.catalogUrl === undefined ? await explain(EmbeddedCatalog.start(home, onProgress, log)) : undefined;
  try {
    const catalog = await reachCatalog(embedded?.connection ?? { connectionString: settings.catalogUrl }, log);
    const mockSecret = await catalog.mockSecret();
    const driver = createDriver(home, settings, onProgress);
    return {
      catalog,
      driver,
      mockSecret,
      async close() {
        await driver.detach();
        await catalog.close();
        await embedded?.stop();
      },
    };
  } catch (error) {
    await embedded?.stop();
    throw error;
  }
}

function createDriver(
  home: ProcessHome,
  settings: WakeServiceSettings,
  onProgress: (text: string) => void,
): ComputeDriver {
  const { computeListen: listen, computeMaxConnections: maxConnections } = settings;
  return createProcessDriver({ home, listen, maxConnections, onProgress });
}

async function reachCatalog(config: ClientConfig, log: Logger): Promise<CatalogConnection> {
  try {
    return await connectCatalog(config, (error) => log.warn({ detail: error.message }, 'a catalog connection broke'));
  } catch (error) {
    // Never the URL: it holds a password.
    const reason = error instanceof AggregateError ? (error.errors[0] as Error).message : (error as Error).message;
    throw new StartupError(`The catalog (PGWAKE_CATALOG_URL) cannot be used: ${reason}.`, { cause: error });
  }
}

async function explain<T>(step: Promise<T>): Promise<T> {
  try {
    return await step;
  } catch (error) {
    if (error instanceof ComputeSetupError) throw new StartupError(error.message, { cause: error });
    throw error;
  }
}
