// The order in which a proxy comes up and goes down. Going down: not ready any more, no new clients, work under way ends
// within its limit, then what connecting needs and last the ops port, so that the end can be watched.

import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { CancelKeys } from '@pgwake/cancel-keys';
import { type OpsServer, Readiness, startOpsServer } from '@pgwake/nest-kit';
import type { Logger, MetricsRegistry } from '@pgwake/telemetry';
import type { WakeClient } from '@pgwake/wake-client';
import type { CertificateStore } from './certificate-store.js';
import type { EventLoopWatch } from './event-loop-watch.js';
import type { OpenNodeCache } from './node-cache.js';
import type { ProxyOptions } from './proxy-providers.js';
import {
  certificatesToken,
  cancelKeysToken,
  clientDoorToken,
  eventLoopWatchToken,
  logToken,
  nodeCacheToken,
  optionsToken,
  registryToken,
  wakeClientToken,
} from './tokens.js';

/** Where clients of a proxy come in. */
export interface ClientDoor {
  /** Resolves with the port; rejects with a StartupError. */
  start(): Promise<number>;
  /** Lets nobody in any more and resolves when the last one has left, after `limitMs` not of his own accord. */
  drain(limitMs: number): Promise<void>;
}

@Injectable()
export class Lifecycle implements OnApplicationBootstrap, OnApplicationShutdown {
  #ops: OpsServer | undefined;

  constructor(
    @Inject(optionsToken) private readonly options: ProxyOptions,
    @Inject(logToken) private readonly log: Logger,
    @Inject(registryToken) private readonly registry: MetricsRegistry,
    @Inject(wakeClientToken) private readonly wakeClient: WakeClient,
    @Inject(certificatesToken) private readonly certificates: CertificateStore | undefined,
    @Inject(cancelKeysToken) private readonly cancelKeys: CancelKeys,
    @Inject(eventLoopWatchToken) private readonly eventLoopWatch: EventLoopWatch,
    @Inject(nodeCacheToken) private readonly nodeCache: OpenNodeCache,
    @Inject(Readiness) private readonly readiness: Readiness,
    @Inject(clientDoorToken) private readonly door: ClientDoor,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    const { readiness, registry } = this;
    this.#ops = await startOpsServer({ ...this.options.ops, readiness, registry });
    const port = await this.door.start();
    readiness.markReady();
    this.log.info({ host: this.options.host, port, opsPort: this.#ops.port }, 'accepting clients');
  }

  async onApplicationShutdown(): Promise<void> {
    this.readiness.drain();
    await this.door.drain(this.options.settings.drainTimeoutMs);
    this.eventLoopWatch.close();
    this.certificates?.close();
    this.wakeClient.close();
    this.cancelKeys.close();
    this.nodeCache.close();
    await this.#ops?.close();
  }
}
