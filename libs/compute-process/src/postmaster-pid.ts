// Reads postmaster.pid, the lock file of a data directory (Postgres: src/include/utils/pidfile.h). Nothing else is read
// about a running postmaster: the file is there from the first moment and says when connections are accepted.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface PostmasterFile {
  readonly pid: number;
  readonly port: number | undefined;
  readonly socketDirectory: string | undefined;
  /** `undefined` when it listens on no TCP address. */
  readonly listenAddress: string | undefined;
  /** `starting`, `stopping`, `ready` or `standby`; `undefined` before the first of them is written. */
  readonly status: string | undefined;
}

/** `undefined` while the first line is not a process id yet. */
export function parsePostmasterFile(text: string): PostmasterFile | undefined {
  const [pid, , , port, socketDirectory, listenAddress, , status] = text.split('\n').map((line) => line.trim());
  if (!pid || !/^[1-9]\d*$/.test(pid)) return undefined;
  return {
    pid: Number(pid),
    port: port ? Number(port) : undefined,
    socketDirectory: socketDirectory || undefined,
    listenAddress: listenAddress || undefined,
    status: status || undefined,
  };
}

export const postmasterFileName = 'postmaster.pid';

/** `undefined` when the file is missing or still empty. */
export function readPostmasterFile(dataDirectory: string): PostmasterFile | undefined {
  try {
    return parsePostmasterFile(readFileSync(join(dataDirectory, postmasterFileName), 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
