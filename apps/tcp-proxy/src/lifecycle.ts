// The order in which tcp-proxy comes up and goes down. Going down: not ready any more, no new clients, sessions end as
// they become idle, then what connecting needs and last the ops port, so that the end can be watched.

import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { type OpsServer, Readiness, startOpsServer } from '@pgwake/nest-kit';
import type { Logger, MetricsRegistry } from '@pgwake/telemetry';
import type { WakeClient } from '@pgwake/wake-client';
import { Listener } from './listener.js';
import type { OpenNodeCache } from './node-cache.js';
import type { TcpProxySettings } from './settings.js';
import { logToken, nodeCacheToken, registryToken, settingsToken, wakeClientToken } from './tokens.js';

@Injectable()
export class Lifecycle implements OnApplicationBootstrap, OnApplicationShutdown {
  #ops: OpsServer | undefined;

  constructor(
    @Inject(settingsToken) private readonly settings: TcpProxySettings,
    @Inject(logToken) private readonly log: Logger,
    @Inject(registryToken) private readonly registry: MetricsRegistry,
    @Inject(wakeClientToken) private readonly wakeClient: WakeClient,
    @Inject(nodeCacheToken) private readonly nodeCache: OpenNodeCache,
    @Inject(Readiness) private readonly readiness: Readiness,
    @Inject(Listener) private readonly listener: Listener,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    const { opsHost, opsPort, host } = this.settings;
    this.#ops = await startOpsServer({
      host: opsHost,
      port: opsPort,
      setting: 'PGWAKE_TCP_OPS_HOST and PGWAKE_TCP_OPS_PORT',
      readiness: this.readiness,
      registry: this.registry,
    });
    const port = await this.listener.start();
    this.readiness.markReady();
    this.log.info({ host, port, opsPort: this.#ops.port }, 'accepting clients');
  }

  async onApplicationShutdown(): Promise<void> {
    this.readiness.drain();
    await this.listener.drain(this.settings.drainTimeoutMs);
    this.wakeClient.close();
    this.nodeCache.close();
    await this.#ops?.close();
  }
}
