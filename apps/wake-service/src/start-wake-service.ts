// The order in which wake-service comes up and goes down. Coming up, what an earlier life left behind is taken over before
// anybody may ask. Going down: not ready any more, no new requests, wakes under way end, computes are suspended if so
// ordered, and the ops port goes last, so that the end can be watched.

import type { EndpointId } from '@pgwake/ids';
import { type OpsServer, Readiness, type RunningApp, readNodeSharing, startOpsServer } from '@pgwake/nest-kit';
import { type Logger, createRegistry, createWakeMetrics, errorKeys } from '@pgwake/telemetry';
import { layFoundation } from './foundation.js';
import { openNodeEvictions } from './node-evictions.js';
import { type Parts, createParts } from './parts.js';
import { requireFreeAddresses, startServers } from './servers.js';
import type { WakeServiceSettings } from './settings.js';

/** Shutdowns write; more at once would only make each slower. */
const suspendsAtOnce = 8;

export interface WakeService extends RunningApp {
  readonly adminPort: number;
  readonly opsPort: number;
}

/** Rejects with a StartupError when something it needs is missing; nothing is left running or open then. */
export async function startWakeService(settings: WakeServiceSettings, log: Logger): Promise<WakeService> {
  const readiness = new Readiness();
  const registry = createRegistry('wake-service');
  const undo: (() => Promise<void>)[] = [];
  try {
    const ops: OpsServer = await startOpsServer({
      host: settings.opsHost,
      port: settings.opsPort,
      setting: 'PGWAKE_WAKE_OPS_HOST and PGWAKE_WAKE_OPS_PORT',
      readiness,
      registry,
    });
    undo.unshift(() => ops.close());
    await requireFreeAddresses(settings);
    const { keys, redis } = readNodeSharing(settings);
    const foundation = await layFoundation(settings, log);
    undo.unshift(() => foundation.close());
    const evictions = openNodeEvictions(redis, log);
    undo.unshift(async () => evictions.close());
    const parts = createParts(foundation, settings, { keys, evictions }, createWakeMetrics(registry), log);
    undo.unshift(() => rest(parts));
    await parts.adopter.begin();
    const servers = await startServers(foundation.catalog, parts, settings, log);
    readiness.markReady();
    log.info(
      { grpcPort: settings.grpcPort, adminPort: servers.adminPort, opsPort: ops.port },
      'wake-service accepts requests',
    );
    void parts.keeper.finishRemovals().catch((error: unknown) => log.error(errorKeys(error), 'removals failed'));

    return {
      log,
      adminPort: servers.adminPort,
      opsPort: ops.port,
      async drain() {
        readiness.drain();
        await servers.close();
        await parts.waker.idle();
        const running = parts.watches.watched();
        await rest(parts);
        if (settings.onShutdown === 'suspend') await suspendAll(running, parts, log);
        await parts.links.close();
        evictions.close();
        await foundation.close();
        await ops.close();
      },
    };
  } catch (error) {
    for (const step of undo) {
      await step().catch((cause: unknown) => log.error(errorKeys(cause), 'clearing up after a failed start failed'));
    }
    throw error;
  }
}

/** Nothing happens by itself any more. */
async function rest(parts: Parts): Promise<void> {
  parts.adopter.stop();
  parts.watches.close();
  await parts.links.close();
}

async function suspendAll(endpoints: readonly EndpointId[], parts: Parts, log: Logger): Promise<void> {
  const queue = [...endpoints];
  const work = async (): Promise<void> => {
    for (let endpoint = queue.shift(); endpoint !== undefined; endpoint = queue.shift()) {
      await parts.suspender
        .suspend(endpoint, { kind: 'shutdown' })
        .catch((error: unknown) => log.error({ endpoint, ...errorKeys(error) }, 'compute could not be suspended'));
    }
  };
  await Promise.all(Array.from({ length: suspendsAtOnce }, work));
}
