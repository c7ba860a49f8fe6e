// Knows the moment a postmaster accepts connections: its own status word, seen as it is written. Connecting to find out
// would write a FATAL line into the user's log for every try that came too early.

import { type FSWatcher, watch } from 'node:fs';
import { postmasterFileName, readPostmasterFile } from './postmaster-pid.js';

// Events were never missed in tests. The poll is for file systems that have none, and for a machine out of inotify watches.
const pollMs = 100;
const pollWithoutEventsMs = 10;

/**
 * Calls back once when process `pid()` is ready. Watch before spawning, otherwise the event may come before the watch.
 * The file of a crashed postmaster still says ready, so the word counts only beside the right process id.
 * Returns the function that stops watching.
 */
export function watchReadiness(dataDirectory: string, pid: () => number | undefined, onReady: () => void): () => void {
  let watcher: FSWatcher | undefined;
  const stop = (): void => {
    watcher?.close();
    clearInterval(timer);
  };
  const look = (): void => {
    const file = readPostmasterFile(dataDirectory);
    if (file?.status !== 'ready' || file.pid !== pid()) return;
    stop();
    onReady();
  };
  try {
    watcher = watch(dataDirectory, (_event, name) => {
      if (name === postmasterFileName) look();
    });
    watcher.on('error', () => watcher?.close());
  } catch {
    watcher = undefined;
  }
  const timer = setInterval(look, watcher ? pollMs : pollWithoutEventsMs);
  look();
  return stop;
}
