// What an app builds its door from. One class, so that an app asks Nest for one thing.

import { Inject, Injectable } from '@nestjs/common';
import type { CancelKeys } from '@pgwake/cancel-keys';
import type { Connector } from '@pgwake/connect-core';
import type { ClientLimits } from '@pgwake/limits';
import type { ComputeNetwork } from '@pgwake/pg-dial';
import type { SessionObserver } from '@pgwake/pg-session';
import type { MetricsRegistry, ProxyMetrics } from '@pgwake/telemetry';
import type { WakeClient } from '@pgwake/wake-client';
import type { CertificateStore } from './certificate-store.js';
import type { OpenNodeCache } from './node-cache.js';
import {
  cancelKeysToken,
  capacityToken,
  certificatesToken,
  clientLimitsToken,
  computeNetworkToken,
  connectorToken,
  metricsToken,
  nodeCacheToken,
  registryToken,
  sessionObserverToken,
  wakeClientToken,
} from './tokens.js';

@Injectable()
export class ProxyParts {
  constructor(
    @Inject(wakeClientToken) readonly access: WakeClient,
    @Inject(connectorToken) readonly connector: Connector,
    @Inject(computeNetworkToken) readonly network: ComputeNetwork,
    @Inject(nodeCacheToken) readonly nodeCache: OpenNodeCache,
    @Inject(cancelKeysToken) readonly cancelKeys: CancelKeys,
    /** How many clients there is room for, which `limits` holds; no more than that of anything else. */
    @Inject(capacityToken) readonly capacity: number,
    @Inject(clientLimitsToken) readonly limits: ClientLimits,
    @Inject(sessionObserverToken) readonly observer: SessionObserver,
    @Inject(registryToken) readonly registry: MetricsRegistry,
    @Inject(metricsToken) readonly metrics: ProxyMetrics,
    /** `undefined`: no TLS. */
    @Inject(certificatesToken) readonly certificates: CertificateStore | undefined,
  ) {}
}
