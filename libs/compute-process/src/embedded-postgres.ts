// A Postgres for pgwake itself (the catalog), from the same binaries and template as the computes.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { adoptPostmaster, waitUntilReady } from './adopt-postmaster.js';
import { makePlace, placeOf } from './cluster-place.js';
import type { Postmaster } from './postmaster.js';
import type { ProcessHome } from './process-home.js';
import { serviceDatabase, serviceRole } from './service-password.js';
import { ComputeSetupError } from './setup-error.js';
import { startPostmaster } from './start-postmaster.js';
import { copyCluster, ensureTemplate } from './template.js';

export interface EmbeddedPostgresSettings {
  readonly home: ProcessHome;
  /** The name of its directory in the home. */
  readonly name: string;
  readonly onProgress?: (text: string) => void;
  /** Command-line settings of this cluster. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly startLimitMs?: number;
}

export interface EmbeddedPostgres {
  /** For `pg`; `host` is the directory of the unix socket. The password is a secret. */
  readonly connection: {
    readonly host: string;
    readonly port: number;
    readonly user: string;
    readonly password: string;
    readonly database: string;
  };
  /** It was already running, started by an earlier life. */
  readonly adopted: boolean;
  /** Resolves with its last words when it ends without `stop`. */
  readonly ended: Promise<string>;
  /** Clean shutdown, forced at the limit. */
  stop(limitMs?: number): Promise<void>;
  /** Lets it run on without us. */
  detach(): void;
}

const defaultStartLimitMs = 60_000;
const defaultStopLimitMs = 10_000;

/** Makes the cluster the first time, adopts it when it runs. Throws ComputeSetupError when it does not come up. */
export async function startEmbeddedPostgres(settings: EmbeddedPostgresSettings): Promise<EmbeddedPostgres> {
  const { home, name, startLimitMs = defaultStartLimitMs, onProgress = () => undefined } = settings;
  const place = placeOf(join(home.root, name));
  makePlace(place, home.user);
  const running = adoptPostmaster(place);
  if (running) {
    if (await waitUntilReady(running, startLimitMs)) return handle(home, running, true);
    await running.abandon();
  }
  if (!existsSync(place.dataDirectory))
    await copyCluster(home, await ensureTemplate(home, onProgress), place.dataDirectory);
  const outcome = await startPostmaster(
    {
      binDir: home.binaries.binDir,
      user: home.user,
      place,
      clusterName: `pgwake-${name}`,
      listen: 'unix',
      settings: settings.settings ?? {},
    },
    AbortSignal.timeout(startLimitMs),
  );
  if (!outcome.ok) throw new ComputeSetupError(`The ${name} database does not start: ${outcome.detail}`);
  return handle(home, outcome.postmaster, false);
}

function handle(home: ProcessHome, postmaster: Postmaster, adopted: boolean): EmbeddedPostgres {
  let stopping = false;
  return {
    connection: {
      host: postmaster.place.socketDirectory,
      port: postmaster.port,
      user: serviceRole,
      password: home.servicePassword,
      database: serviceDatabase,
    },
    adopted,
    ended: new Promise((resolve) => {
      void postmaster.gone.then(() => {
        if (!stopping) resolve(postmaster.lastWords());
      });
    }),
    async stop(limitMs = defaultStopLimitMs) {
      stopping = true;
      await postmaster.stop(limitMs);
      postmaster.release();
    },
    detach: () => postmaster.release(),
  };
}
