// The catalog's Postgres when nobody gave us one: started in our own data directory, started again when it dies, adopted
// when an earlier life left it running. For a single instance; several need a catalog of their own.

import { setTimeout as sleep } from 'node:timers/promises';
import { type EmbeddedPostgres, type ProcessHome, startEmbeddedPostgres } from '@pgwake/compute-process';
import { type Logger, errorKeys } from '@pgwake/telemetry';

const name = 'catalog';
const tryAgainAfterMs = 1_000;

export class EmbeddedCatalog {
  #stopped = false;

  private constructor(
    private readonly home: ProcessHome,
    private readonly log: Logger,
    private postgres: EmbeddedPostgres,
  ) {
    this.#watch();
  }

  /** Rejects with a ComputeSetupError when it does not come up. */
  static async start(home: ProcessHome, onProgress: (text: string) => void, log: Logger): Promise<EmbeddedCatalog> {
    onProgress('Starting the catalog.');
    return new EmbeddedCatalog(home, log, await startEmbeddedPostgres({ home, name, onProgress }));
  }

  /** The same after every start. */
  get connection(): EmbeddedPostgres['connection'] {
    return this.postgres.connection;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.postgres.stop();
  }

  #watch(): void {
    void this.postgres.ended.then((detail) => {
      if (this.#stopped) return;
      this.log.error({ detail }, 'the catalog ended');
      void this.#startAgain();
    });
  }

  async #startAgain(): Promise<void> {
    while (!this.#stopped) {
      try {
        this.postgres = await startEmbeddedPostgres({ home: this.home, name });
        this.#watch();
        return;
      } catch (error) {
        this.log.error(errorKeys(error), 'the catalog does not start');
        await sleep(tryAgainAfterMs, undefined, { ref: false });
      }
    }
  }
}
