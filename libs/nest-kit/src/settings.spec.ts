import { describe, expect, it } from '@jest/globals';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StartupError, loadSettings, setting } from './index.js';

const specs = {
  port: setting.port('PGWAKE_PORT', 4432, 'Where to listen.'),
  idleMs: setting.millis('PGWAKE_IDLE_MS', 300_000, 'How long, in milliseconds.'),
  mode: setting.choice('PGWAKE_MODE', ['unix', 'tcp'], 'unix', 'Which.'),
  plain: setting.flag('PGWAKE_PLAIN', false, 'Whether.'),
  domains: setting.list('PGWAKE_DOMAINS', 'localhost', 'Which names.'),
  url: setting.optionalText('PGWAKE_URL', 'Where.'),
};

function file(content: string): string {
  const path = join(mkdtempSync(join(tmpdir(), 'pgwake-settings-')), 'pgwake.yaml');
  writeFileSync(path, content);
  return path;
}

describe('loadSettings', () => {
  it('gives the defaults where nothing is set', () => {
    expect(loadSettings(specs, { PGWAKE_PORT: '' })).toEqual({
      port: 4432,
      idleMs: 300_000,
      mode: 'unix',
      plain: false,
      domains: ['localhost'],
      url: undefined,
    });
  });

  it('reads the environment over the file over the defaults', () => {
    const path = file('PGWAKE_PORT: 1\nPGWAKE_IDLE_MS: 2\nPGWAKE_PLAIN: true\nPGWAKE_DOMAINS: a.test, b.test\n');
    expect(loadSettings(specs, { PGWAKE_CONFIG_FILE: path, PGWAKE_PORT: '3' })).toMatchObject({
      port: 3,
      idleMs: 2,
      plain: true,
      domains: ['a.test', 'b.test'],
    });
  });

  it('takes an empty file', () => {
    expect(loadSettings(specs, { PGWAKE_CONFIG_FILE: file('') }).port).toBe(4432);
  });

  it('names every setting in error in one sentence, without repeating the values', () => {
    const load = () => loadSettings(specs, { PGWAKE_PORT: '70000', PGWAKE_IDLE_MS: 's3cret', PGWAKE_MODE: 'udp' });
    expect(load).toThrow(StartupError);
    expect(load).toThrow(
      'Settings: PGWAKE_PORT must be between 0 and 65535; PGWAKE_IDLE_MS must be a whole number; ' +
        'PGWAKE_MODE must be one of: unix, tcp.',
    );
  });

  it.each([
    ['a list', '- a\n- b\n'],
    ['nested values', 'PGWAKE_PORT: { a: 1 }\n'],
    ['foreign names', 'PATH: /bin\n'],
    ['broken YAML', 'a: [\n'],
  ])('refuses a file with %s', (_what, content) => {
    expect(() => loadSettings(specs, { PGWAKE_CONFIG_FILE: file(content) })).toThrow(StartupError);
  });

  it('refuses a file that is not there', () => {
    expect(() => loadSettings(specs, { PGWAKE_CONFIG_FILE: '/nowhere/pgwake.yaml' })).toThrow(/cannot be read/);
  });
});
