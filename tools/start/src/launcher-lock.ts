import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { type ProcessIdentity, identifyProcess, isAlive } from '@pgwake/compute-process';
import { StartupError } from '@pgwake/nest-kit';

/**
 * Makes this process the only launcher of a data directory; two of them would each start again what the other one stops.
 * The lock of a launcher that is gone does not count. Gives the function that releases it. Throws a StartupError.
 */
export function holdLauncherLock(file: string): () => void {
  const holder = readHolder(file);
  if (holder !== undefined && isAlive(holder)) {
    throw new StartupError(
      `pgwake runs here already, started by process ${holder.pid}; end that one first (Ctrl-C, or kill ${holder.pid}).`,
    );
  }
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, JSON.stringify(identifyProcess(process.pid)));
  return () => rmSync(file, { force: true });
}

function readHolder(file: string): ProcessIdentity | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as ProcessIdentity;
  } catch {
    return undefined;
  }
}
