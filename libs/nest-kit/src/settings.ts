// Settings come from the environment, over an optional YAML file named by PGWAKE_CONFIG_FILE that holds the same names.
// A specification is data, so the page docs/settings.md is made from it.

import { readFileSync } from 'node:fs';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { StartupError } from './startup-error.js';

export interface SettingSpec<T> {
  /** The name in the environment and in the file: PGWAKE_... */
  readonly name: string;
  readonly schema: z.ZodType<T, string>;
  /** As it would be written in the environment; `undefined`: not set. */
  readonly default: string | undefined;
  /** What it is for, and its unit; one sentence. */
  readonly doc: string;
}

export type SettingSpecs = Readonly<Record<string, SettingSpec<unknown>>>;

export type SettingsOf<S extends SettingSpecs> = {
  readonly [Key in keyof S]: S[Key] extends SettingSpec<infer T> ? T : never;
};

type Scalar = string | number | boolean;

const text = z.string().min(1, 'must not be empty');
const integer = (low: number, high: number) =>
  text
    .regex(/^-?[0-9]{1,15}$/, 'must be a whole number')
    .transform(Number)
    .refine((value) => value >= low && value <= high, `must be between ${low} and ${high}`);

/** The kinds of setting there are. The default is given as text, as the environment would give it. */
export const setting = {
  text: (name: string, fallback: string, doc: string) => spec(name, text, fallback, doc),
  optionalText: (name: string, doc: string) => optional(name, text, doc),
  port: (name: string, fallback: number, doc: string) => spec(name, integer(0, 65_535), String(fallback), doc),
  integer: (name: string, fallback: number, bounds: { low: number; high: number }, doc: string) =>
    spec(name, integer(bounds.low, bounds.high), String(fallback), doc),
  /** Milliseconds, up to a week. */
  millis: (name: string, fallback: number, doc: string) => spec(name, integer(0, 604_800_000), String(fallback), doc),
  flag: (name: string, fallback: boolean, doc: string) =>
    spec(
      name,
      text
        .refine((value) => value === 'true' || value === 'false', 'must be true or false')
        .transform((v) => v === 'true'),
      String(fallback),
      doc,
    ),
  choice: <const C extends readonly [string, ...string[]]>(
    name: string,
    choices: C,
    fallback: C[number],
    doc: string,
  ) =>
    spec<C[number]>(
      name,
      text.refine((value): value is C[number] => choices.includes(value), `must be one of: ${choices.join(', ')}`),
      fallback,
      doc,
    ),
  /** Comma-separated, spaces around the commas ignored. */
  list: (name: string, fallback: string, doc: string) =>
    spec(
      name,
      z.string().transform((value) =>
        value
          .split(',')
          .map((item) => item.trim())
          .filter((item) => item !== ''),
      ),
      fallback,
      doc,
    ),
};

function spec<T>(name: string, schema: z.ZodType<T, string>, fallback: string, doc: string): SettingSpec<T> {
  return { name, schema, default: fallback, doc };
}

function optional<T>(name: string, schema: z.ZodType<T, string>, doc: string): SettingSpec<T | undefined> {
  return { name, schema, default: undefined, doc };
}

/**
 * Reads and checks all settings of an app. An empty variable counts as not set. Throws a StartupError that names every
 * setting in error, with what was wrong about it; the values themselves are not repeated, they may be secrets.
 */
export function loadSettings<S extends SettingSpecs>(
  specs: S,
  env: Readonly<Record<string, string | undefined>>,
): SettingsOf<S> {
  const file = readSettingsFile(env['PGWAKE_CONFIG_FILE']);
  const problems: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [key, { name, schema, default: fallback }] of Object.entries(specs)) {
    const given = env[name] || file.get(name) || fallback;
    if (given === undefined) {
      values[key] = undefined;
      continue;
    }
    const result = schema.safeParse(given);
    if (result.success) values[key] = result.data;
    else problems.push(`${name} ${result.error.issues[0]?.message ?? 'is not valid'}`);
  }
  if (problems.length > 0) throw new StartupError(`Settings: ${problems.join('; ')}.`);
  return values as SettingsOf<S>;
}

function readSettingsFile(path: string | undefined): ReadonlyMap<string, string> {
  if (path === undefined || path === '') return new Map();
  const content = readOrExplain(path);
  if (content === null || content === undefined) return new Map();
  const entries = z.record(z.string().regex(/^PGWAKE_[A-Z0-9_]+$/), z.custom<Scalar>(isScalar)).safeParse(content);
  if (!entries.success) {
    throw new StartupError(`Settings: ${path} must map PGWAKE_... names to texts, numbers, true or false.`);
  }
  return new Map(Object.entries(entries.data).map(([name, value]) => [name, String(value)]));
}

function readOrExplain(path: string): unknown {
  try {
    return parseYaml(readFileSync(path, 'utf8'));
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : '';
    throw new StartupError(`Settings: the file ${path} (PGWAKE_CONFIG_FILE) cannot be read: ${reason}`, {
      cause: error,
    });
  }
}

function isScalar(value: unknown): value is Scalar {
  return ['string', 'number', 'boolean'].includes(typeof value);
}
