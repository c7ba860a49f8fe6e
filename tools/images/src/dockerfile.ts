// Reads the Dockerfile of the workspace into stages. It knows the instructions that stand there and throws at any other, so
// that nothing goes unnoticed by the tests.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const workspaceRoot = join(import.meta.dirname, '../../..');

export type Instruction =
  | { readonly kind: 'workdir'; readonly path: string }
  | {
      readonly kind: 'copy';
      readonly from: string | undefined;
      readonly sources: readonly string[];
      readonly target: string;
    }
  | { readonly kind: 'run'; readonly command: string }
  | { readonly kind: 'env'; readonly name: string; readonly value: string }
  | { readonly kind: 'user'; readonly user: string }
  | { readonly kind: 'expose'; readonly ports: readonly string[] }
  | { readonly kind: 'stopsignal'; readonly signal: string }
  | { readonly kind: 'entrypoint'; readonly argv: readonly string[] }
  | { readonly kind: 'healthcheck'; readonly argv: readonly string[] }
  | { readonly kind: 'cmd'; readonly argv: readonly string[] };

export interface Stage {
  readonly name: string;
  /** The name of an earlier stage, or an image. */
  readonly base: string;
  readonly instructions: readonly Instruction[];
}

export function readDockerfile(): Stage[] {
  return parseDockerfile(readFileSync(join(workspaceRoot, 'Dockerfile'), 'utf8'));
}

export function parseDockerfile(text: string): Stage[] {
  const stages: (Stage & { readonly instructions: Instruction[] })[] = [];
  for (const line of logicalLines(text)) {
    const from = /^FROM (\S+) AS (\S+)$/.exec(line);
    if (from?.[1] && from[2]) stages.push({ name: from[2], base: from[1], instructions: [] });
    else instructionsOf(stages).push(parseInstruction(line));
  }
  return stages;
}

/** The stage of that name. Throws when there is none. */
export function stageNamed(stages: readonly Stage[], name: string): Stage {
  const stage = stages.find((candidate) => candidate.name === name);
  if (!stage) throw new Error(`The Dockerfile has no stage ${name}.`);
  return stage;
}

/** The instructions of one kind. */
export function ofKind<K extends Instruction['kind']>(stage: Stage, kind: K): Extract<Instruction, { kind: K }>[] {
  return stage.instructions.filter((instruction) => instruction.kind === kind) as Extract<Instruction, { kind: K }>[];
}

/** The words of the one CMD, ENTRYPOINT or HEALTHCHECK; `undefined` when there is none. */
export function argvOf(stage: Stage, kind: 'cmd' | 'entrypoint' | 'healthcheck'): readonly string[] | undefined {
  return ofKind(stage, kind).at(-1)?.argv;
}

function logicalLines(text: string): string[] {
  const withoutComments = text.replace(/^[ \t]*#.*\n/gm, '');
  return withoutComments
    .replace(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line.trim() !== '');
}

function instructionsOf(stages: readonly { readonly instructions: Instruction[] }[]): Instruction[] {
  const stage = stages.at(-1);
  if (!stage) throw new Error('The Dockerfile does not begin with FROM.');
  return stage.instructions;
}

function parseInstruction(line: string): Instruction {
  const [, keyword = '', flagText = '', rest = ''] = /^([A-Z]+) ((?:--\S+ +)*)(.*)$/.exec(line) ?? [];
  const words = rest.split(/\s+/);
  switch (keyword) {
    case 'WORKDIR':
      return { kind: 'workdir', path: rest };
    case 'COPY':
      return {
        kind: 'copy',
        from: /--from=(\S+)/.exec(flagText)?.[1],
        sources: words.slice(0, -1),
        target: words.at(-1) ?? '',
      };
    case 'RUN':
      return { kind: 'run', command: rest };
    case 'ENV': {
      const [name = '', ...parts] = rest.split('=');
      return { kind: 'env', name, value: parts.join('=') }; // a value may hold another =
    }
    case 'USER':
      return { kind: 'user', user: rest };
    case 'EXPOSE':
      return { kind: 'expose', ports: words };
    case 'STOPSIGNAL':
      return { kind: 'stopsignal', signal: rest };
    case 'ENTRYPOINT':
      return { kind: 'entrypoint', argv: JSON.parse(rest) as string[] };
    case 'CMD':
      return { kind: 'cmd', argv: JSON.parse(rest) as string[] };
    case 'HEALTHCHECK':
      return { kind: 'healthcheck', argv: JSON.parse(rest.replace(/^CMD /, '')) as string[] };
    default:
      throw new Error(`The tests of the Dockerfile do not know ${line}`);
  }
}
