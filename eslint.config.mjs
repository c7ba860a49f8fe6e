import nx from '@nx/eslint-plugin';
import tseslint from 'typescript-eslint';

const layers = ['kernel', 'contract', 'protocol', 'core', 'adapter', 'wiring', 'app'];

/** A layer may use those to its left. Core may use core; the allowed pairs of adapters stand in boundaries.md. */
const layerConstraints = layers.map((layer, index) => ({
  sourceTag: `layer:${layer}`,
  onlyDependOnLibsWithTags: [
    ...layers.slice(0, index).map((left) => `layer:${left}`),
    ...(layer === 'core' || layer === 'adapter' || layer === 'kernel' ? [`layer:${layer}`] : []),
    'layer:testkit',
  ],
}));

const bannedInPureCode = [
  { object: 'Date', property: 'now', message: 'Time comes in through a port.' },
  { object: 'Math', property: 'random', message: 'Chance comes in through a port.' },
];

export default tseslint.config(
  { ignores: ['**/dist/**', '**/node_modules/**', '.nx/**', '.pgwake/**', 'tmp/**', 'coverage/**'] },
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
      'no-restricted-imports': ['error', { patterns: [{ group: ['@pgwake/*/*'], message: 'No deep imports.' }] }],
    },
  },
  {
    files: ['apps/*/src/**/*.ts', 'libs/*/src/**/*.ts'],
    ignores: ['**/*.spec.ts'],
    plugins: { '@nx': nx },
    rules: {
      '@nx/enforce-module-boundaries': [
        'error',
        {
          enforceBuildableLibDependency: false,
          allow: [],
          depConstraints: [
            ...layerConstraints,
            { sourceTag: 'layer:testkit', onlyDependOnLibsWithTags: ['*'] },
            { sourceTag: 'layer:tool', onlyDependOnLibsWithTags: ['*'] },
            { sourceTag: 'scope:shared', onlyDependOnLibsWithTags: ['scope:shared'] },
            { sourceTag: 'scope:proxy', onlyDependOnLibsWithTags: ['scope:shared', 'scope:proxy'] },
            { sourceTag: 'scope:wake', onlyDependOnLibsWithTags: ['scope:shared', 'scope:wake'] },
            { sourceTag: 'scope:test', onlyDependOnLibsWithTags: ['*'] },
            { sourceTag: 'scope:tools', onlyDependOnLibsWithTags: ['*'] },
            { sourceTag: 'runtime:pure', onlyDependOnLibsWithTags: ['runtime:pure'], bannedExternalImports: ['*'] },
            { sourceTag: 'layer:adapter', bannedExternalImports: ['@nestjs/*'], onlyDependOnLibsWithTags: ['*'] },
          ],
        },
      ],
    },
  },
  {
    // The pure libraries: Nx looks at npm packages only, so Node's builtins are banned here.
    files: ['ids', 'gateway-errors', 'wake-api', 'pg-wire', 'connect-core', 'wake-core', 'relay'].map(
      (name) => `libs/${name}/src/**/*.ts`,
    ),
    ignores: ['**/*.spec.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ regex: '^node:', message: 'A pure library does no I/O.' }, { group: ['@pgwake/*/*'] }] },
      ],
      'no-restricted-properties': ['error', ...bannedInPureCode],
      'no-restricted-syntax': [
        'error',
        { selector: "NewExpression[callee.name='Date']", message: 'Time comes in through a port.' },
      ],
    },
  },
  {
    files: ['libs/client-auth/src/**/*.ts'],
    ignores: ['**/*.spec.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            { regex: '^node:(?!crypto$)', message: 'client-auth uses node:crypto only.' },
            { group: ['@pgwake/*/*'] },
          ],
        },
      ],
      'no-restricted-properties': ['error', ...bannedInPureCode],
    },
  },
);
