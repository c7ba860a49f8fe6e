// docs/compatibility.md is made from the stories that the suites really tell.

import { jdbc } from './jdbc.js';
import { nodePostgres } from './node-postgres.js';
import { benches, transactions } from './pgbench.js';
import { postgresJs } from './postgres-js.js';
import { psql } from './psql.js';
import { psycopg2 } from './psycopg2.js';
import { type Driver, type Story, stories, storyNames } from './stories.js';

const drivers = [psql, psycopg2, jdbc, nodePostgres, postgresJs];

/** The whole page, as Markdown. */
export function renderCompatibilityPage(): string {
  return `# Compatibility

What the end-to-end suites do with real drivers on the built apps, each line over plain TCP and over TLS with the gateway's certificate
and host name verified. A suite whose driver is not installed says \`skipped: X not found\` and counts as skipped; \`.ci/run\` installs
them where it can. The bytes that no driver sends (function calls by hand, broken messages, half-closed connections) are compared with
what the compute itself answers, message for message, in \`apps/e2e/src/drivers/faithful.int.spec.ts\`.

Made from the suites by \`npm run docs:compatibility\`; a test holds both together.

${renderRow(['', ...drivers.map(({ name }) => name)])}
${renderRow(['---', ...drivers.map(() => ':-:')])}
${storyNames
  .map((story) => renderRow([stories[story], ...drivers.map((driver) => renderCell(driver.stories[story]))]))
  .join('\n')}

What a driver has no way to do:

${drivers.flatMap(({ name, stories }) => reasonsOf(name, stories)).join('\n')}

## pgbench

${transactions} transactions of 8 clients each, over plain TCP and over TLS; none may fail.

${benches.map(({ name }) => `- ${name}`).join('\n')}

If this is out of date, that is a bug.
`;
}

function renderCell(telling: Driver['stories'][Story]): string {
  return typeof telling === 'function' ? '✓' : '–';
}

function reasonsOf(name: string, told: Driver['stories']): string[] {
  return storyNames.flatMap((story) => {
    const telling = told[story];
    return typeof telling === 'function' ? [] : [`- ${name}, ${stories[story]}: ${telling.reason}.`];
  });
}

function renderRow(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}
