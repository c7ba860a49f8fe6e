// Computes as child processes of this machine. One postmaster at most per endpoint, whatever happens: calls for one endpoint
// run one after the other, and what an earlier life left running is taken over or ended, never started beside.
// No boundary between superusers of different endpoints: all clusters run as the same account.

import type { EndpointId } from '@pgwake/ids';
import { describeAddress, type NodeAddress } from '@pgwake/wake-api';
import type { ComputeDriver, ComputeRef, RunningCompute, ServiceAccess, StartOutcome } from '@pgwake/wake-core';
import { adoptPostmaster, waitUntilReady } from './adopt-postmaster.js';
import { clusterNameOf } from './cluster-name.js';
import type { ClusterPlace } from './cluster-place.js';
import { ComputeStore } from './compute-store.js';
import { EndpointQueues } from './endpoint-queues.js';
import { clearLeftovers, findPostmaster } from './leftovers.js';
import { endStranger, type Postmaster } from './postmaster.js';
import type { ProcessHome } from './process-home.js';
import { serviceDatabase, serviceRole } from './service-password.js';
import { classifySystemError } from './start-failure.js';
import { startPostmaster } from './start-postmaster.js';
import { type ComputeState, readState, removeState, writeState } from './state-file.js';

export interface ProcessDriverSettings {
  readonly home: ProcessHome;
  /** `unix` (default): a socket only we and the database user reach. `tcp`: a free port of 127.0.0.1 too. */
  readonly listen?: 'unix' | 'tcp';
  /** Default 200. A crowd that waited for a wake logs in at once. */
  readonly maxConnections?: number;
  /** Further settings of every compute, on its command line. Those pgwake itself needs cannot be changed. */
  readonly postgresSettings?: Readonly<Record<string, string>>;
  readonly onProgress?: (text: string) => void;
  /** How long an adopted compute may take to get ready before it is ended. Default 30 s. */
  readonly adoptLimitMs?: number;
}

export function createProcessDriver(settings: ProcessDriverSettings): ComputeDriver {
  return new ProcessDriver(settings);
}

interface Running {
  readonly compute: RunningCompute;
  readonly postmaster: Postmaster;
  /** We end it ourselves, so its end is no news. */
  expectedToEnd: boolean;
}

const endOlderLimitMs = 5_000;
const defaultAdoptLimitMs = 30_000;

type ExitListener = (ref: ComputeRef, detail: string) => void;

class ProcessDriver implements ComputeDriver {
  readonly #settings: ProcessDriverSettings;
  readonly #onProgress: (text: string) => void;
  readonly #store: ComputeStore;
  readonly #queues = new EndpointQueues();
  readonly #running = new Map<EndpointId, Running>();
  readonly #listeners = new Set<ExitListener>();

  constructor(settings: ProcessDriverSettings) {
    this.#settings = settings;
    this.#onProgress = settings.onProgress ?? (() => undefined);
    this.#store = new ComputeStore(settings.home, this.#onProgress);
  }

  prepare(endpoint: EndpointId, signal: AbortSignal): Promise<void> {
    return this.#queues.run(endpoint, async () => {
      signal.throwIfAborted();
      await this.#store.make(endpoint);
    });
  }

  start(ref: ComputeRef, signal: AbortSignal): Promise<StartOutcome> {
    return this.#queues.run(ref.endpoint, async () => {
      try {
        return await this.#start(ref, signal);
      } catch (error) {
        return classifySystemError(error as NodeJS.ErrnoException);
      }
    });
  }

  suspend(ref: ComputeRef, limitMs: number): Promise<void> {
    return this.#queues.run(ref.endpoint, async () => {
      const running = this.#running.get(ref.endpoint);
      if (running?.compute.generation === ref.generation) return this.#end(running, limitMs);
      const place = this.#store.placeOf(ref.endpoint);
      if (survivor(place)?.generation !== ref.generation) return;
      const postmaster = adoptPostmaster(place);
      await postmaster?.stop(limitMs);
      postmaster?.release();
      removeState(place.stateFile);
    });
  }

  probe(ref: ComputeRef): Promise<boolean> {
    return Promise.resolve(survivor(this.#store.placeOf(ref.endpoint))?.generation === ref.generation);
  }

  async adopt(wanted: (endpoint: EndpointId) => boolean = () => true): Promise<readonly RunningCompute[]> {
    this.#store.sweep();
    const endpoints = this.#store.endpoints().filter((endpoint) => wanted(endpoint));
    const adopted = endpoints.map((endpoint) =>
      this.#queues
        .run(endpoint, () => this.#adopt(endpoint))
        .catch((error: unknown) => {
          // One compute in trouble must not keep the others asleep. Its next start meets the same trouble and reports it.
          this.#onProgress(`The compute of ${endpoint} could not be taken over: ${(error as Error).message}`);
          return undefined;
        }),
    );
    return (await Promise.all(adopted)).filter((compute) => compute !== undefined);
  }

  serviceAccess({ endpoint, address }: RunningCompute): ServiceAccess {
    return {
      // By the socket, also where clients come over TCP: nobody else can listen on it.
      host: address.kind === 'unix' ? address.socketDirectory : this.#store.placeOf(endpoint).socketDirectory,
      port: address.port,
      user: serviceRole,
      password: this.#settings.home.servicePassword,
      database: serviceDatabase,
    };
  }

  destroy(endpoint: EndpointId): Promise<void> {
    return this.#queues.run(endpoint, async () => {
      const place = this.#store.placeOf(endpoint);
      if (findPostmaster(place))
        throw new Error(`the compute of ${endpoint} runs: suspend it before its data is removed`);
      await clearLeftovers(place);
      await this.#store.remove(endpoint);
    });
  }

  onExit(listener: ExitListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async detach(): Promise<void> {
    this.#listeners.clear();
    await this.#queues.idle();
    await this.#store.idle();
    for (const running of this.#running.values()) {
      running.expectedToEnd = true; // whoever takes over looks after it
      running.postmaster.release();
    }
    this.#running.clear();
  }

  async #start(ref: ComputeRef, signal: AbortSignal): Promise<StartOutcome> {
    const { home, listen = 'unix', maxConnections = 200, postgresSettings = {} } = this.#settings;
    const place = this.#store.placeOf(ref.endpoint);
    const running = this.#running.get(ref.endpoint);
    if (running?.postmaster.isAlive()) {
      const { compute } = running;
      if (compute.generation === ref.generation) return { ok: true, compute, phases: {} };
      if (compute.generation > ref.generation) {
        return { ok: false, transient: false, detail: `generation ${compute.generation} already runs` };
      }
      await this.#end(running, endOlderLimitMs);
    }
    const outcome = await startPostmaster(
      {
        binDir: home.binaries.binDir,
        user: home.user,
        place,
        clusterName: clusterNameOf(ref),
        listen,
        settings: { ...postgresSettings, max_connections: String(maxConnections) },
        onSpawned: ({ identity }) => writeState(place.stateFile, { generation: ref.generation, process: identity }),
      },
      signal,
    );
    if (!outcome.ok) {
      removeState(place.stateFile);
      return outcome;
    }
    return { ok: true, compute: this.#keep(ref, outcome.postmaster), phases: outcome.phases };
  }

  async #adopt(endpoint: EndpointId): Promise<RunningCompute | undefined> {
    const known = this.#running.get(endpoint);
    if (known?.postmaster.isAlive()) return known.compute;
    const place = this.#store.placeOf(endpoint);
    const state = survivor(place);
    const postmaster = state ? adoptPostmaster(place) : undefined;
    if (!state || !postmaster) {
      await endStranger(place);
      await clearLeftovers(place);
      removeState(place.stateFile);
      return undefined;
    }
    if (!(await waitUntilReady(postmaster, this.#settings.adoptLimitMs ?? defaultAdoptLimitMs))) {
      await postmaster.abandon();
      postmaster.release();
      removeState(place.stateFile);
      return undefined;
    }
    return this.#keep({ endpoint, generation: state.generation }, postmaster);
  }

  #keep({ endpoint, generation }: ComputeRef, postmaster: Postmaster): RunningCompute {
    const compute: RunningCompute = {
      endpoint,
      generation,
      address: addressOf(postmaster),
      identity: { kind: 'clusterName', value: clusterNameOf({ endpoint, generation }) },
    };
    const running: Running = { compute, postmaster, expectedToEnd: false };
    this.#running.set(endpoint, running);
    void postmaster.gone.then(() => this.#noteExit(running));
    return compute;
  }

  #noteExit(running: Running): void {
    if (running.expectedToEnd) return;
    const { compute, postmaster } = running;
    const { endpoint, generation } = compute;
    if (this.#running.get(endpoint) === running) this.#running.delete(endpoint);
    const detail = `postgres at ${describeAddress(compute.address)} ended; its last words: ${postmaster.lastWords()}`;
    // Queued before anybody hears of it, so that a start asked for by a listener comes after it: backends of a crashed
    // postmaster run on for as long as their query does.
    void this.#queues.run(endpoint, () => clearLeftovers(postmaster.place)).catch(() => undefined);
    for (const listener of this.#listeners) listener({ endpoint, generation }, detail);
  }

  async #end(running: Running, limitMs: number): Promise<void> {
    const { compute, postmaster } = running;
    running.expectedToEnd = true;
    await postmaster.stop(limitMs);
    postmaster.release();
    this.#running.delete(compute.endpoint);
    removeState(postmaster.place.stateFile);
  }
}

/** What we remember of a place, if the process it speaks of still is the postmaster there. */
function survivor(place: ClusterPlace): ComputeState | undefined {
  const state = readState(place.stateFile);
  const found = state && findPostmaster(place);
  return found?.pid === state?.process.pid && found?.startTime === state?.process.startTime ? state : undefined;
}

function addressOf({ place, port, listenAddress }: Postmaster): NodeAddress {
  return listenAddress === undefined
    ? { kind: 'unix', socketDirectory: place.socketDirectory, port }
    : { kind: 'tcp', host: listenAddress, port };
}
