import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { workspaceRoot } from './projects.ts';

/** Code to be judged as if it stood in `file`. */
export interface Snippet {
  readonly file: string;
  readonly code: string;
}

export interface Finding {
  readonly ruleId: string | null;
  readonly messageId?: string | undefined;
  readonly message: string;
}

export interface LintProbe {
  readonly constraints: readonly { readonly sourceTag: string }[];
  /** In the order of the snippets. */
  readonly findings: Finding[][];
}

const environment = { ...process.env, NX_DAEMON: 'false', NODE_OPTIONS: '' };

/** What the workspace's lint rules say about `snippets`. */
export async function probeLint(snippets: readonly Snippet[]): Promise<LintProbe> {
  await buildProjectGraph();
  const running = promisify(execFile)(process.execPath, [join(import.meta.dirname, 'lint-probe.ts')], {
    env: environment,
    maxBuffer: 16 << 20,
  });
  running.child.stdin?.end(JSON.stringify(snippets));
  return JSON.parse((await running).stdout) as LintProbe;
}

/** Without a cached graph the boundary rule skips itself with no more than a warning. */
async function buildProjectGraph(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'pgwake-graph-'));
  try {
    const nx = join(workspaceRoot, 'node_modules/.bin/nx');
    await promisify(execFile)(process.execPath, [nx, 'graph', `--file=${directory}/graph.json`], {
      cwd: workspaceRoot,
      env: environment,
    });
  } finally {
    rmSync(directory, { recursive: true });
  }
}
