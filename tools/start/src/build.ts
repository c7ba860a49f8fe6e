import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { progress } from './console.ts';

const parts = ['apps/wake-service', 'apps/tcp-proxy', 'apps/http-proxy', 'libs/local-certificate'];

/** Builds what is not built yet or has changed since; quick when there is nothing to do. Exits when it does not compile. */
export async function build(root: string): Promise<void> {
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
  // Said only if it takes long enough to wonder.
  const patience = setTimeout(() => progress('Building pgwake (only when its source has changed) ...'), 1_500);
  const status = await new Promise<number>((resolve) => {
    const child = spawn(process.execPath, [tsc, '-b', ...parts], {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    child.on('close', (code) => resolve(code ?? 1));
  });
  clearTimeout(patience);
  if (status !== 0) {
    progress('pgwake does not build; the messages above say where.');
    process.exit(1);
  }
}
