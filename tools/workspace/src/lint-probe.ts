// Runs in a process of its own: ESLint and Nx load their plugins in ways that do not work inside jest's modules. Reads
// snippets as JSON from stdin; prints what the workspace's rules say about each, and the boundary constraints.

import { text } from 'node:stream/consumers';
import { ESLint } from 'eslint';
import tseslint from 'typescript-eslint';
import type { LintProbe, Snippet } from './lint.ts';
import { workspaceRoot } from './projects.ts';

const snippets = JSON.parse(await text(process.stdin)) as Snippet[];
const eslint = new ESLint({
  cwd: workspaceRoot,
  // The rules of interest need no types, and without them a run takes a second rather than ten.
  overrideConfig: { files: ['**/*.ts'], ...tseslint.configs.disableTypeChecked } as never,
});

const config = (await eslint.calculateConfigForFile('libs/ids/src/index.ts')) as {
  rules: Record<string, [number, { depConstraints: LintProbe['constraints'] }]>;
};
const probe: LintProbe = {
  constraints: config.rules['@nx/enforce-module-boundaries']?.[1].depConstraints ?? [],
  findings: [],
};
for (const { file, code } of snippets) {
  const [result] = await eslint.lintText(code, { filePath: `${workspaceRoot}/${file}` });
  probe.findings.push(
    (result?.messages ?? []).map(({ ruleId, messageId, message }) => ({ ruleId, messageId, message })),
  );
}
process.stdout.write(JSON.stringify(probe));
