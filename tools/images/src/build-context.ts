// What `docker build` sees of the workspace: the working tree less what .dockerignore excludes.
// https://docs.docker.com/build/concepts/context/#dockerignore-files

import { cpSync, globSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { workspaceRoot } from './dockerfile.ts';

export type IsInContext = (path: string) => boolean;

/** The last pattern that matches a path, or a directory above it, decides. */
export function parseDockerignore(text: string): IsInContext {
  const rules = text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => ({ included: line.startsWith('!'), pattern: compilePattern(line.replace(/^!/, '')) }));
  return (path) => {
    const ways = path.split('/').map((_, index, parts) => parts.slice(0, index + 1).join('/'));
    return rules.findLast(({ pattern }) => ways.some((way) => pattern.test(way)))?.included ?? true;
  };
}

/** `*` stands for any characters but `/`, a dot at the beginning included; before a `/`, two of them for any directories. */
const wildcards: Readonly<Record<string, string>> = { '**/': '(?:.+/)?', '*': '[^/]*', '.': '\\.' };

function compilePattern(pattern: string): RegExp {
  return new RegExp(`^${pattern.replaceAll(/\*\*\/|[*.]/g, (part) => wildcards[part] ?? part)}$`);
}

export function readDockerignore(): IsInContext {
  return parseDockerignore(readFileSync(join(workspaceRoot, '.dockerignore'), 'utf8'));
}

/** What a source of COPY names, relative to the workspace; empty when that is nothing. */
export function findInContext(source: string, isInContext: IsInContext): string[] {
  return globSync(source, { cwd: workspaceRoot }).filter(isInContext);
}

/** Copies a file or directory of the context to `target`, as COPY does: of a directory, what is in it. */
export function copyFromContext(path: string, target: string, isInContext: IsInContext): void {
  const source = join(workspaceRoot, path);
  cpSync(source, target, { recursive: true, filter: (file) => isInContext(relative(workspaceRoot, file)) });
}
