// Reads what the projects of the workspace say about themselves. It judges nothing; the specs beside it do.

import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseConfigFileTextToJson, preProcessFile } from 'typescript';

export const workspaceRoot = join(import.meta.dirname, '../../..');

export interface Project {
  readonly name: string;
  /** Relative to the workspace, e.g. `libs/ids`. */
  readonly directory: string;
  readonly tags: readonly string[];
  /** Names of packages, as production code may import them. */
  readonly dependencies: readonly string[];
  readonly devDependencies: readonly string[];
  readonly tsconfig: { readonly extends?: string; readonly references?: readonly { readonly path: string }[] };
  readonly imports: readonly Import[];
}

export interface Import {
  readonly file: string;
  /** The name of the package, without a path inside it. */
  readonly packageName: string;
}

export function readProjects(): Project[] {
  return globSync('{apps,libs,tools}/*/package.json', { cwd: workspaceRoot })
    .sort()
    .map((file) => readProject(dirname(file)));
}

export function readJson(file: string): unknown {
  const { config, error } = parseConfigFileTextToJson(file, readFileSync(join(workspaceRoot, file), 'utf8'));
  if (error) throw new Error(`${file} is no JSON`);
  return config;
}

interface PackageJson {
  readonly nx?: { readonly name?: string; readonly tags?: readonly string[] };
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

function readProject(directory: string): Project {
  const manifest = readJson(`${directory}/package.json`) as PackageJson;
  const tsconfigFile = `${directory}/tsconfig.json`;
  return {
    name: manifest.nx?.name ?? '',
    directory,
    tags: manifest.nx?.tags ?? [],
    dependencies: Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies }),
    devDependencies: Object.keys(manifest.devDependencies ?? {}),
    tsconfig: existsSync(join(workspaceRoot, tsconfigFile)) ? (readJson(tsconfigFile) as Project['tsconfig']) : {},
    imports: globSync(`${directory}/src/**/*.ts`, { cwd: workspaceRoot }).sort().flatMap(readImports),
  };
}

function readImports(file: string): Import[] {
  const text = readFileSync(join(workspaceRoot, file), 'utf8');
  return preProcessFile(text)
    .importedFiles.map(({ fileName }) => fileName)
    .filter((specifier) => !/^(\.|node:)/.test(specifier))
    .map((specifier) => ({ file, packageName: /^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? '' }));
}
