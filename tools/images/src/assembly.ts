// Carries out the stages of the Dockerfile that make files, each in a directory of its own, with the Node that runs this.
// It does not make images: what a stage does outside its WORKDIR (accounts, system files) is refused here, and stands in
// the stages that become images.

import { execFile } from 'node:child_process';
import { cpSync, mkdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { copyFromContext, findInContext, type IsInContext, readDockerignore } from './build-context.ts';
import { type Instruction, type Stage, stageNamed } from './dockerfile.ts';

const workdir = '/app';
/** Of npm's many variables, those that say where packages come from. Others would lead it out of the directory it works in. */
const npmVariables = /^npm_(?!config_(?:registry|cache|userconfig|globalconfig)$)/i;

export class Assembly {
  readonly #done = new Map<string, Promise<string>>();
  readonly #isInContext: IsInContext = readDockerignore();

  readonly #stages: readonly Stage[];
  readonly #root: string;

  /** `root` is a directory that the stages get directories in. */
  constructor(stages: readonly Stage[], root: string) {
    this.#stages = stages;
    this.#root = root;
  }

  /** Resolves with the directory that is /app at the end of the stage. */
  make(name: string): Promise<string> {
    const made = this.#done.get(name) ?? this.#make(stageNamed(this.#stages, name));
    this.#done.set(name, made);
    return made;
  }

  async #make(stage: Stage): Promise<string> {
    const directory = join(this.#root, stage.name);
    mkdirSync(directory);
    if (this.#stages.some(({ name }) => name === stage.base)) {
      cpSync(await this.make(stage.base), directory, { recursive: true, verbatimSymlinks: true });
    }
    for (const instruction of stage.instructions) {
      switch (instruction.kind) {
        case 'workdir':
          if (instruction.path !== workdir) throw new Error(`${stage.name} works in ${instruction.path}`);
          break;
        case 'copy':
          await this.#copy(instruction, directory);
          break;
        case 'run':
          await run(instruction.command, directory);
          break;
        default:
          throw new Error(`${stage.name} is a stage that makes files and has ${instruction.kind}`);
      }
    }
    return directory;
  }

  async #copy({ from, sources, target }: Extract<Instruction, { kind: 'copy' }>, directory: string): Promise<void> {
    const into = join(directory, target);
    if (from !== undefined) {
      const origin = await this.make(from);
      for (const source of sources) copyTree(join(origin, withinWorkdir(source)), into);
      return;
    }
    for (const path of sources.flatMap((source) => findInContext(source, this.#isInContext))) {
      copyFromContext(path, target.endsWith('/') ? join(into, basename(path)) : into, this.#isInContext);
    }
  }
}

function withinWorkdir(path: string): string {
  if (path !== workdir && !path.startsWith(`${workdir}/`)) throw new Error(`${path} is outside ${workdir}`);
  return path.slice(workdir.length);
}

function copyTree(source: string, target: string): void {
  cpSync(source, target, { recursive: true, verbatimSymlinks: true });
}

async function run(command: string, cwd: string): Promise<void> {
  const { PATH = '', ...inherited } = process.env;
  const own = Object.entries(inherited).filter(([name]) => !npmVariables.test(name) && name !== 'NODE_OPTIONS');
  const env = {
    ...Object.fromEntries(own),
    PATH: `${dirname(process.execPath)}:${PATH}`,
    npm_config_prefer_offline: 'true',
  };
  try {
    await promisify(execFile)('sh', ['-ec', command], { cwd, env, maxBuffer: 16 << 20 });
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`${command} failed: ${(stderr || stdout).slice(-2_000)}`, { cause: error });
  }
}
