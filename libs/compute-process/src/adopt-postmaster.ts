// Takes over a postmaster that an earlier life of ours started. It is no child of ours: nobody tells us when it ends.

import type { ClusterPlace } from './cluster-place.js';
import { findPostmaster } from './leftovers.js';
import { type ExitWatch, Postmaster } from './postmaster.js';
import { readPostmasterFile } from './postmaster-pid.js';
import { isAlive, type ProcessIdentity } from './process-table.js';
import { watchReadiness } from './readiness.js';

const exitPollMs = 100;

/** The postmaster that runs in this place, ready or about to be; `undefined` when none does. */
export function adoptPostmaster(place: ClusterPlace): Postmaster | undefined {
  const identity = findPostmaster(place);
  const file = readPostmasterFile(place.dataDirectory);
  if (!identity || file?.port === undefined || file.pid !== identity.pid) return undefined;
  // It listens where it was told to, which is not where a new one would: the settings may have changed since.
  const socketDirectory = file.socketDirectory ?? place.socketDirectory;
  return new Postmaster(identity, { ...place, socketDirectory }, file.port, file.listenAddress, pollForExit(identity));
}

/** True once it accepts connections; false when it ended, or did not get there within the limit. */
export async function waitUntilReady(postmaster: Postmaster, limitMs: number): Promise<boolean> {
  let stopWatching: () => void = () => undefined;
  let timer: NodeJS.Timeout | undefined;
  const ready = new Promise<boolean>((resolve) => {
    const { dataDirectory } = postmaster.place;
    stopWatching = watchReadiness(
      dataDirectory,
      () => postmaster.identity.pid,
      () => resolve(true),
    );
    timer = setTimeout(resolve, limitMs, false);
  });
  try {
    return await Promise.race([ready, postmaster.gone.then(() => false)]);
  } finally {
    stopWatching();
    clearTimeout(timer);
  }
}

function pollForExit(identity: ProcessIdentity): ExitWatch {
  let timer: NodeJS.Timeout | undefined;
  const gone = new Promise<void>((resolve) => {
    timer = setInterval(() => {
      if (isAlive(identity)) return;
      clearInterval(timer);
      resolve();
    }, exitPollMs);
  });
  return { gone, release: () => clearInterval(timer) };
}
