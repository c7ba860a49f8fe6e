// Where tests keep databases that outlive a test run: one directory per user in the temporary directory, so that it
// outlives an `npm ci` too.

import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ProcessHome, prepareHome } from '@pgwake/compute-process';

/** Made when missing. With the binaries that a wake-service under test uses. Throws ComputeSetupError. */
export function prepareTestHome(): Promise<ProcessHome> {
  const dataDir = join(tmpdir(), `pgwake-testkit-${process.getuid?.() ?? 0}`);
  return prepareHome({ dataDir, binDir: process.env.PGWAKE_POSTGRES_BIN_DIR || undefined });
}
