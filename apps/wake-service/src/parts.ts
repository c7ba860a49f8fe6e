// The parts of wake-service and which one needs which. Plain construction; Nest is only given the results.

import { millis } from '@pgwake/ids';
import { TokenBuckets } from '@pgwake/limits';
import type { NodeEvictions, NodeKeys } from '@pgwake/node-cache';
import type { Logger, WakeMetrics } from '@pgwake/telemetry';
import { ComputeAdopter } from './computes/adopt-computes.js';
import { ComputeWatches } from './computes/compute-watches.js';
import { Exits } from './computes/exits.js';
import { ServiceLinks } from './computes/service-links.js';
import { ComputeStarter } from './computes/start-compute.js';
import { ComputeSuspender } from './computes/suspend-compute.js';
import { ComputeWaker } from './computes/wake-computes.js';
import { EndpointKeeper } from './endpoint-keeper.js';
import type { Foundation } from './foundation.js';
import { EndpointAccessReader } from './roles/endpoint-access.js';
import { RoleKeeper } from './roles/role-keeper.js';
import { TokenAccessReader } from './roles/token-access.js';
import { TokenKeeper } from './roles/token-keeper.js';
import type { WakeServiceSettings } from './settings.js';

/** Of those that have not their whole allowance; the one started longest ago is forgotten first. */
const maxLimitedEndpoints = 100_000;

export interface Parts {
  readonly links: ServiceLinks;
  readonly watches: ComputeWatches;
  readonly adopter: ComputeAdopter;
  readonly suspender: ComputeSuspender;
  readonly waker: ComputeWaker;
  readonly keeper: EndpointKeeper;
  readonly roles: RoleKeeper;
  readonly access: EndpointAccessReader;
  readonly tokenKeeper: TokenKeeper;
  readonly tokenAccess: TokenAccessReader;
}

export function createParts(
  { catalog, driver, mockSecret }: Foundation,
  settings: WakeServiceSettings,
  { keys, evictions }: { readonly keys: NodeKeys; readonly evictions: NodeEvictions },
  metrics: WakeMetrics,
  log: Logger,
): Parts {
  // The parts form a circle here: what is given as a function is not called before all of them exist.
  const links = new ServiceLinks(driver, (ref) => exits.suspect(ref));
  const exits: Exits = new Exits(catalog, driver, links, evictions, metrics, log);
  const idleSuspendAfterMs = millis(settings.idleSuspendAfterMs);
  const watches: ComputeWatches = new ComputeWatches(
    catalog,
    links,
    exits,
    metrics,
    log,
    idleSuspendAfterMs,
    (endpoint, cause) => suspender.suspend(endpoint, cause),
  );
  const starter = new ComputeStarter(catalog, driver, watches, metrics, log, millis(settings.startTimeoutMs));
  const adopter = new ComputeAdopter(catalog, driver, starter, watches, evictions, log);
  const suspendTimeoutMs = millis(settings.suspendTimeoutMs);
  const suspender: ComputeSuspender = new ComputeSuspender(
    catalog,
    driver,
    links,
    exits,
    adopter,
    evictions,
    metrics,
    log,
    suspendTimeoutMs,
  );

  driver.onExit((ref, detail) => exits.heard(ref, detail));

  const roles = new RoleKeeper(catalog, driver, adopter, exits);
  const access = new EndpointAccessReader(catalog, links, mockSecret);

  return {
    links,
    watches,
    adopter,
    suspender,
    waker: new ComputeWaker(catalog, starter, adopter, exits, createStartAllowance(settings), keys, metrics),
    keeper: new EndpointKeeper(catalog, driver, suspender, log),
    roles,
    access,
    tokenKeeper: new TokenKeeper(catalog, roles),
    tokenAccess: new TokenAccessReader(catalog, access),
  };
}

/** `undefined`: starts are not limited. */
function createStartAllowance({ maxWakesPerMinute, maxWakesAtOnce }: WakeServiceSettings): TokenBuckets | undefined {
  if (maxWakesPerMinute === 0) return undefined;
  const perSecond = maxWakesPerMinute / 60;
  return new TokenBuckets({ burst: maxWakesAtOnce, perSecond, maxKeys: maxLimitedEndpoints, clock: performance });
}
