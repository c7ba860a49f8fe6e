import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { readJson, readProjects, workspaceRoot, type Project } from './projects.ts';

const projects = readProjects();
const compiled = projects.filter(({ directory }) => !directory.startsWith('tools/')); // tools run from source
const isSpec = (file: string): boolean => file.endsWith('.spec.ts');
const byName = new Map(projects.map((project) => [`@pgwake/${project.name}`, project]));

function referencedDirectories(directory: string, references: Project['tsconfig']['references'] = []): string[] {
  return references.map(({ path }) => relative(workspaceRoot, join(workspaceRoot, directory, path))).sort();
}

function ownDependencies({ dependencies }: Project): Project[] {
  return dependencies.flatMap((name) => byName.get(name) ?? []);
}

describe('every project', () => {
  it('is found', () => {
    expect(projects.length).toBeGreaterThan(15);
    expect(projects.map(({ name, directory }) => [name, directory])).toEqual(
      projects.map(({ directory }) => [directory.split('/')[1], directory]),
    );
  });

  it('references in its tsconfig the libraries that its package.json names', () => {
    for (const project of compiled) {
      const dependencies = ownDependencies(project).map(({ directory }) => directory);
      expect([project.name, referencedDirectories(project.directory, project.tsconfig.references)]).toEqual([
        project.name,
        dependencies.sort(),
      ]);
    }
  });

  it('is referenced by the root tsconfig unless it runs from source', () => {
    const root = readJson('tsconfig.json') as Project['tsconfig'];
    expect(referencedDirectories('.', root.references)).toEqual(compiled.map(({ directory }) => directory).sort());
  });

  it('compiles without the types of Node exactly when it is pure', () => {
    for (const { name, tags, tsconfig } of compiled) {
      const pure = tags.includes('runtime:pure');
      expect([name, tsconfig.extends]).toEqual([name, pure ? '../../tsconfig.pure.json' : '../../tsconfig.node.json']);
    }
  });

  // npm puts all packages in one folder, so an import that nobody declared works until somebody else's dependency goes.
  it('declares what it imports', () => {
    const rootDevDependencies = Object.keys(
      (readJson('package.json') as { devDependencies: Record<string, string> }).devDependencies,
    );
    const undeclared = projects.flatMap((project) =>
      project.imports.filter(({ file, packageName }) => {
        if (packageName === `@pgwake/${project.name}` || project.dependencies.includes(packageName)) return false;
        const forDevelopment = isSpec(file) || project.tags.includes('layer:tool');
        return !(forDevelopment && [...project.devDependencies, ...rootDevDependencies].includes(packageName));
      }),
    );
    expect(undeclared).toEqual([]);
  });

  it('imports each library that it declares', () => {
    const unused = projects.flatMap((project) =>
      [...project.dependencies, ...project.devDependencies]
        .filter((name) => byName.has(name) && !project.imports.some(({ packageName }) => packageName === name))
        .map((name) => `${project.name} -> ${name}`),
    );
    expect(unused).toEqual([]);
  });
});

describe('adapters', () => {
  it('use only those adapters that docs/architecture/boundaries.md names with a reason', () => {
    const page = readFileSync(join(workspaceRoot, 'docs/architecture/boundaries.md'), 'utf8');
    const section = /## Adapters that use adapters\n([^]*?)\n## /.exec(page)?.[1] ?? '';
    const rows = section.matchAll(/^\| ([a-z][a-z-]+) +\| ([a-z][a-z-]+) +\| \S/gm);
    const allowed = [...rows].map(([, from, to]) => `${from} -> ${to}`).sort();
    const adapters = projects.filter(({ tags }) => tags.includes('layer:adapter'));
    const pairs = adapters.flatMap((adapter) =>
      ownDependencies(adapter)
        .filter((other) => adapters.includes(other))
        .map(({ name }) => `${adapter.name} -> ${name}`),
    );
    expect(pairs.sort()).toEqual(allowed);
  });
});
