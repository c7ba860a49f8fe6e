// Reads docker-compose.yml as Compose does, as far as the file goes: merge keys, and variables with their defaults.
// https://docs.docker.com/reference/compose-file/

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { workspaceRoot } from './dockerfile.ts';

export interface Service {
  readonly image: string;
  readonly build?: { readonly context: string; readonly target: string };
  readonly pull_policy?: string;
  readonly init?: boolean;
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly stop_grace_period?: string;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: { readonly test: readonly string[] };
}

export interface ComposeFile {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

/** A variable that whoever runs Compose may set. */
export interface Variable {
  readonly name: string;
  readonly fallback: string;
}

const variable = /\$\{([A-Z][A-Z0-9_]*):-([^}]*)\}/g;

export function readComposeText(): string {
  return readFileSync(join(workspaceRoot, 'docker-compose.yml'), 'utf8');
}

export function variablesIn(text: string): Variable[] {
  return [...text.matchAll(variable)].map(([, name = '', fallback = '']) => ({ name, fallback }));
}

/** What Compose makes of the file when nobody sets a variable. */
export function parseComposeFile(text: string): ComposeFile {
  const filled = text.replace(variable, (_, _name: string, fallback: string) => fallback);
  return parse(filled, { merge: true }) as ComposeFile;
}
