// Runs a story that needs a network of its own: a program in a fresh network namespace, whose last line is what happened, as
// JSON.

import { execFile, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const namespace = ['--map-root-user', '--net'];
const layWire = ['ip', 'link', 'add', 'wire', 'type', 'veth', 'peer', 'name', 'nowhere'];

/** Otherwise the tests that need one are to be skipped, and this says so. */
export function mayHaveNamespace(): boolean {
  const may = spawnSync('unshare', [...namespace, ...layWire]).status === 0;
  if (!may) process.stderr.write('skipped: no network namespaces with wires here\n');
  return may;
}

/** `story`: a file of this directory, as built. */
export async function playInNamespace(story: string): Promise<unknown> {
  const program = fileURLToPath(new URL(`../../dist/faults/${story}`, import.meta.url));
  const env = { ...process.env, NODE_OPTIONS: '' };
  const { stdout } = await run('unshare', [...namespace, process.execPath, program], { env });
  return JSON.parse(stdout) as unknown;
}
