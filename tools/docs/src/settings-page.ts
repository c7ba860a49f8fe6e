// docs/settings.md is made from the specifications that the apps really use.

import { httpProxySettings } from '@pgwake/http-proxy/settings';
import type { SettingSpecs } from '@pgwake/nest-kit';
import { tcpProxySettings } from '@pgwake/tcp-proxy/settings';
import { wakeServiceSettings } from '@pgwake/wake-service/settings';

const apps: readonly (readonly [string, SettingSpecs])[] = [
  ['wake-service', wakeServiceSettings],
  ['tcp-proxy', tcpProxySettings],
  ['http-proxy', httpProxySettings],
];

/** The whole page, as Markdown. */
export function renderSettingsPage(): string {
  return `# Settings

Each app reads its settings from the environment, over an optional YAML file named by \`PGWAKE_CONFIG_FILE\` that maps the same names
to values. An empty variable counts as not set. A setting that is not valid ends the app at its start with one sentence that names it.

Made from the code by \`npm run docs:settings\`; a test holds both together.
${apps.map(([name, specs]) => renderApp(name, specs)).join('')}`;
}

function renderApp(name: string, specs: SettingSpecs): string {
  const rows = Object.values(specs).map(
    (spec) =>
      `| \`${spec.name}\` | ${spec.default ? `\`${spec.default}\`` : ''} | ${spec.doc.replaceAll('|', '\\|')} |`,
  );
  return `
## ${name}

| Setting | Default | Meaning |
| ------- | ------- | ------- |
${rows.join('\n')}
`;
}
