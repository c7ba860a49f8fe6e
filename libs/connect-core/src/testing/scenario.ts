// One connector in a scripted world, for stories: a list of events, the journey's end, and what was called.

import type { EndpointId, SessionId } from '@pgwake/ids';
import { type Connector, createConnector } from '../connector.js';
import type { JourneyEvent, JourneyResult } from '../journey.js';
import type { DialableNode } from '../node.js';
import type { ConnectPolicy } from '../policy.js';
import type { WakePort } from '../ports.js';
import { type FakeClock, createFakeClock } from './fake-clock.js';
import {
  type DialEvent,
  type FakeConnection,
  type ScriptWorld,
  type WakeEvent,
  createScriptWorld,
} from './script-world.js';

export type ScriptEvent = WakeEvent | DialEvent;

export const endpoint = 'demo' as EndpointId;

export interface Scenario {
  readonly clock: FakeClock;
  readonly world: ScriptWorld;
  readonly connector: Connector;
  /** Events that nobody asked for. A finished story leaves none. */
  readonly unused: () => number;
  /** Starts a journey. */
  travel(options?: {
    signal?: AbortSignal;
    user?: string;
    observer?: (event: JourneyEvent) => void;
  }): Promise<JourneyResult<FakeConnection>>;
  /** Starts a journey and lets time pass until it ends. */
  finish(): Promise<JourneyResult<FakeConnection>>;
  /** The calls in short, e.g. `wake`, `wake(3)`, `dial cached 3`, `evict 3`, `put 4`. */
  told(): readonly string[];
}

export interface ScenarioOptions {
  readonly cached?: number;
  /** Taken one after the other; asking for a wake where a dial is next, or the other way round, throws. */
  readonly script?: readonly ScriptEvent[];
  /** Answers instead of a script. */
  readonly onWake?: (suspectGeneration: number | undefined) => WakeEvent;
  readonly onDial?: (node: DialableNode) => DialEvent;
  /** Surrounds every call of the wake port. */
  readonly aroundWake?: (call: () => ReturnType<WakePort['wake']>) => ReturnType<WakePort['wake']>;
  readonly policy?: Partial<ConnectPolicy>;
  readonly random?: () => number;
  readonly settle: () => Promise<void>;
}

export function createScenario(options: ScenarioOptions): Scenario {
  const clock = createFakeClock(options.settle);
  const script = [...(options.script ?? [])];
  const take = (kind: string): ScriptEvent => {
    const event = script.shift();
    if (event === undefined) throw new Error(`the script is over, but the connector wants a ${kind}`);
    return event;
  };
  const world = createScriptWorld(clock, endpoint, options.cached, {
    onWake: (suspectGeneration) => {
      if (options.onWake) return options.onWake(suspectGeneration);
      const event = take('wake');
      if (!('wake' in event)) throw new Error(`a wake came where the script has ${JSON.stringify(event)}`);
      return event;
    },
    onDial: (node) => {
      if (options.onDial) return options.onDial(node);
      const event = take('dial');
      if (!('dial' in event)) throw new Error(`a dial came where the script has ${JSON.stringify(event)}`);
      return event;
    },
  });
  const around = options.aroundWake ?? ((call) => call());
  const connector = createConnector({
    cache: world.cache,
    wake: { wake: (request, signal) => around(() => world.wake.wake(request, signal)) },
    clock,
    random: options.random ?? (() => 0.5),
    ...(options.policy ? { policy: options.policy } : {}),
  });
  let journeys = 0;
  const travel: Scenario['travel'] = (given = {}) =>
    connector.connectToCompute({
      endpoint,
      sessionId: `session-${++journeys}` as SessionId,
      user: given.user ?? 'app',
      mechanism: world.mechanism,
      signal: given.signal ?? new AbortController().signal,
      ...(given.observer ? { observer: given.observer } : {}),
    });
  return {
    clock,
    world,
    connector,
    unused: () => script.length,
    travel,
    finish: () => clock.run(travel()),
    told: () =>
      world.calls.map((call) => {
        switch (call.call) {
          case 'wake':
            return call.suspectGeneration === undefined ? 'wake' : `wake(${call.suspectGeneration})`;
          case 'dial':
            return `dial ${call.origin} ${call.generation}`;
          case 'evict':
          case 'put':
          case 'discard':
            return `${call.call} ${call.generation}`;
        }
      }),
  };
}
