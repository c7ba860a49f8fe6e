import { globSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname } from 'node:path';
import nx from '@nx/eslint-plugin';
import tseslint from 'typescript-eslint';

// What may use what, and why: docs/architecture/boundaries.md
const layers = ['kernel', 'contract', 'protocol', 'core', 'adapter', 'wiring', 'app'];
const layersThatMayUseTheirOwn = ['kernel', 'core', 'adapter', 'wiring'];
const layersThatMayUseNest = ['wiring', 'app'];

const layerConstraints = layers.map((layer, index) => ({
  sourceTag: `layer:${layer}`,
  onlyDependOnLibsWithTags: [
    ...layers.slice(0, index).map((left) => `layer:${left}`),
    ...(layersThatMayUseTheirOwn.includes(layer) ? [`layer:${layer}`] : []),
    ...(layer === 'app' ? ['layer:testkit'] : []), // e2e is an app; its scope lets it, the scopes of the others do not
  ],
  bannedExternalImports: layersThatMayUseNest.includes(layer) ? [] : ['@nestjs/*'],
}));

// A tag that no constraint names would be ignored without a word, so tags without limits stand here as well.
const depConstraints = [
  ...layerConstraints,
  { sourceTag: 'layer:testkit', onlyDependOnLibsWithTags: ['*'], bannedExternalImports: ['@nestjs/*'] },
  { sourceTag: 'layer:tool', onlyDependOnLibsWithTags: ['*'] },
  { sourceTag: 'scope:shared', onlyDependOnLibsWithTags: ['scope:shared'] },
  { sourceTag: 'scope:proxy', onlyDependOnLibsWithTags: ['scope:shared', 'scope:proxy'] },
  { sourceTag: 'scope:wake', onlyDependOnLibsWithTags: ['scope:shared', 'scope:wake'] },
  { sourceTag: 'scope:test', onlyDependOnLibsWithTags: ['*'] },
  { sourceTag: 'scope:tools', onlyDependOnLibsWithTags: ['*'] },
  { sourceTag: 'runtime:pure', onlyDependOnLibsWithTags: ['runtime:pure'], bannedExternalImports: ['*'] },
  { sourceTag: 'runtime:node', onlyDependOnLibsWithTags: ['*'] },
];

const pureLibraries = globSync('libs/*/package.json', { cwd: import.meta.dirname })
  .filter((file) => JSON.parse(readFileSync(`${import.meta.dirname}/${file}`, 'utf8')).nx.tags.includes('runtime:pure'))
  .map(dirname);

const noDeepImports = {
  regex: '^@pgwake/(?!e2e/faults$)[^/]+/(?!settings$)',
  message: 'A library is used through its index.ts; of an app, tools may read the settings, of the tests the faults.',
};

/** Nx looks at npm packages only, so builtins are banned here. */
const noBuiltins = (message, except = '$^') => ({
  regex: `^(?!${except})(node:|(${builtinModules.join('|')})(/|$))`,
  message,
});

const noOwnTimeOrChance = {
  'no-restricted-properties': [
    'error',
    { object: 'Date', property: 'now', message: 'Time comes in through a port.' },
    { object: 'Math', property: 'random', message: 'Chance comes in through a port.' },
  ],
  'no-restricted-syntax': [
    'error',
    { selector: "NewExpression[callee.name='Date']", message: 'Time comes in through a port.' },
    { selector: 'ImportExpression', message: 'A pure library loads nothing at run time.' },
  ],
};

export default tseslint.config(
  { ignores: ['**/dist/**', '**/node_modules/**', '.nx/**', '.pgwake/**', 'tmp/**', 'coverage/**', '**/*.d.ts'] },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.base],
    languageOptions: { parserOptions: { project: './tsconfig.spec.json', tsconfigRootDir: import.meta.dirname } },
    plugins: { '@nx': nx },
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { arguments: false } }],
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/only-throw-error': 'error',
      '@typescript-eslint/prefer-readonly': 'error',
      '@typescript-eslint/no-unnecessary-condition': 'off',
      'no-console': 'error',
      'no-empty': 'error',
      eqeqeq: 'error',
      'prefer-const': 'error',
      'no-restricted-imports': ['error', { patterns: [noDeepImports] }],
    },
  },
  {
    files: ['apps/*/src/**/*.ts', 'libs/*/src/**/*.ts', 'tools/*/src/**/*.ts'],
    ignores: ['**/*.spec.ts'],
    plugins: { '@nx': nx },
    rules: {
      '@nx/enforce-module-boundaries': ['error', { enforceBuildableLibDependency: false, allow: [], depConstraints }],
    },
  },
  {
    files: pureLibraries.map((directory) => `${directory}/src/**/*.ts`),
    ignores: ['**/*.spec.ts'],
    rules: {
      'no-restricted-imports': ['error', { patterns: [noDeepImports, noBuiltins('A pure library does no I/O.')] }],
      ...noOwnTimeOrChance,
    },
  },
  {
    files: ['libs/client-auth/src/**/*.ts'],
    ignores: ['**/*.spec.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [noDeepImports, noBuiltins('client-auth uses node:crypto only.', 'node:crypto$')] },
      ],
      ...noOwnTimeOrChance,
    },
  },
);
