import { beforeAll, describe, expect, it } from '@jest/globals';
import { probeLint, type LintProbe } from './lint.ts';
import { readProjects } from './projects.ts';

const boundaries = '@nx/enforce-module-boundaries';

/** Each must be found by this rule (and, where a rule judges many things, for this reason). */
const forbidden: [what: string, file: string, code: string, ruleId: string, messageId?: string][] = [
  ['a pure library that imports a builtin', 'libs/relay/src/index.ts', `import 'node:net';`, 'no-restricted-imports'],
  ['a builtin by its old name', 'libs/relay/src/index.ts', `import 'fs/promises';`, 'no-restricted-imports'],
  [
    'client-auth with another builtin than crypto',
    'libs/client-auth/src/index.ts',
    `import 'node:fs';`,
    'no-restricted-imports',
  ],
  ['a pure library that reads the clock', 'libs/relay/src/index.ts', `Date.now();`, 'no-restricted-properties'],
  ['a pure library that makes a date', 'libs/wake-core/src/index.ts', `new Date();`, 'no-restricted-syntax'],
  ['a pure library that throws dice', 'libs/connect-core/src/index.ts', `Math.random();`, 'no-restricted-properties'],
  ['client-auth reading the clock', 'libs/client-auth/src/index.ts', `Date.now();`, 'no-restricted-properties'],
  ['a pure library that loads at run time', 'libs/relay/src/index.ts', `import('./x.js');`, 'no-restricted-syntax'],
  ['a deep import', 'libs/pg-dial/src/index.ts', `import '@pgwake/ids/src/brand.js';`, 'no-restricted-imports'],
  [
    'a pure library that imports a package',
    'libs/connect-core/src/index.ts',
    `import 'lru-cache';`,
    boundaries,
    'bannedExternalImportsViolation',
  ],
  [
    'a library that imports Nest',
    'libs/compute-process/src/index.ts',
    `import '@nestjs/common';`,
    boundaries,
    'bannedExternalImportsViolation',
  ],
  [
    'a core library that imports an adapter',
    'libs/relay/src/index.ts',
    `import '@pgwake/pg-dial';`,
    boundaries,
    'onlyTagsConstraintViolation',
  ],
  [
    'a protocol library that imports core',
    'libs/pg-wire/src/index.ts',
    `import '@pgwake/wake-core';`,
    boundaries,
    'onlyTagsConstraintViolation',
  ],
  [
    'proxy code that imports wake code',
    'libs/pg-dial/src/index.ts',
    `import '@pgwake/wake-core';`,
    boundaries,
    'onlyTagsConstraintViolation',
  ],
  [
    'wake code that imports proxy code',
    'libs/catalog/src/index.ts',
    `import '@pgwake/pg-dial';`,
    boundaries,
    'onlyTagsConstraintViolation',
  ],
  [
    'production code that imports the test kit',
    'libs/wake-client/src/index.ts',
    `import '@pgwake/testkit';`,
    boundaries,
    'onlyTagsConstraintViolation',
  ],
  [
    'a path into another project',
    'libs/pg-dial/src/index.ts',
    `import '../../ids/src/index.js';`,
    boundaries,
    'noRelativeOrAbsoluteImportsAcrossLibraries',
  ],
];

const allowed: [what: string, file: string, code: string][] = [
  ['a core library that imports the kernel', 'libs/relay/src/index.ts', `import '@pgwake/ids';`],
  ['client-auth with crypto', 'libs/client-auth/src/index.ts', `import 'node:crypto';`],
  ['an app that imports Nest', 'apps/tcp-proxy/src/main.ts', `import '@nestjs/common';`],
  ['an adapter with a builtin and the clock', 'libs/pg-dial/src/index.ts', `import 'node:net'; Date.now();`],
  ['a spec of a pure library with a builtin', 'libs/relay/src/relay.int.spec.ts', `import 'node:net'; Date.now();`],
  ['a tool that reads the settings of an app', 'tools/start/src/start.ts', `import '@pgwake/tcp-proxy/settings';`],
  ['a tool that reads the faults that are tested', 'tools/docs/src/faults-page.ts', `import '@pgwake/e2e/faults';`],
];

const snippets = [...forbidden, ...allowed].map(([, file, code]) => ({ file, code }));
let probe: LintProbe;

beforeAll(async () => {
  probe = await probeLint(snippets);
});

describe('lint', () => {
  it.each(forbidden.map((row, index) => [...row.slice(0, 1), index] as [string, number]))(
    'refuses %s',
    (_what, index) => {
      const [, , , ruleId, messageId] = forbidden[index] ?? [];
      expect(probe.findings[index]).toContainEqual(
        expect.objectContaining(messageId ? { ruleId, messageId } : { ruleId }),
      );
    },
  );

  it.each(allowed.map(([what], index) => [what, index] as const))('lets %s pass', (_what, index) => {
    expect(probe.findings[forbidden.length + index]).toEqual([]);
  });
});

describe('the tags of every project', () => {
  // A tag that no constraint names limits nothing, and Nx does not say so.
  it.each(['layer', 'scope', 'runtime'])('hold exactly one that a constraint knows: %s', (dimension) => {
    const known = probe.constraints.map(({ sourceTag }) => sourceTag);
    expect(known.length).toBeGreaterThan(0);
    for (const { name, tags } of readProjects()) {
      const own = tags.filter((tag) => tag.startsWith(`${dimension}:`));
      expect({ name, own, known: own.every((tag) => known.includes(tag)) }).toEqual({
        name,
        own: [own[0]],
        known: true,
      });
    }
  });

  it('hold nothing else', () => {
    for (const { name, tags } of readProjects()) {
      expect({ name, others: tags.filter((tag) => !/^(layer|scope|runtime):/.test(tag)) }).toEqual({
        name,
        others: [],
      });
    }
  });
});
