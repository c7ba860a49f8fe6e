import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { locateBinDir, restoreSymlinks } from './binaries.js';
import { placeOf } from './cluster-place.js';
import { type EmbeddedPostgres, startEmbeddedPostgres } from './embedded-postgres.js';
import { prepareHome } from './process-home.js';
import { ComputeSetupError } from './setup-error.js';

const directory = mkdtempSync(join(tmpdir(), 'pgwake-home-'));
chmodSync(directory, 0o755);
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const asRoot = process.getuid?.() === 0 ? it : it.skip;

describe('prepareHome', () => {
  it('says in one sentence what is missing', async () => {
    const home = prepareHome({ dataDir: join(directory, 'none'), binDir: directory });
    await expect(home).rejects.toThrow(ComputeSetupError);
    await expect(home).rejects.toThrow(`There is no postgres in ${directory}, the directory of Postgres binaries.`);
  });

  it('says in one sentence when the directory cannot be used', async () => {
    const file = join(directory, 'file');
    writeFileSync(file, '');
    await expect(prepareHome({ dataDir: file })).rejects.toThrow(ComputeSetupError);
    await expect(prepareHome({ dataDir: file })).rejects.toThrow(`${file} cannot hold databases: EEXIST`);
  });

  it('makes one service password for all who ask at once, in a file that only we can read', async () => {
    const dataDir = join(directory, 'shared');
    const [first, second] = await Promise.all([prepareHome({ dataDir }), prepareHome({ dataDir })]);
    expect(first.servicePassword).toBe(second.servicePassword);
    expect(first.servicePassword).toMatch(/^[\w-]{43}$/);
    expect(statSync(join(first.root, 'secrets')).mode & 0o777).toBe(0o700);
    expect(statSync(join(first.root, 'secrets', 'service-password')).mode & 0o777).toBe(0o600);
  });

  asRoot('moves to /var/lib/pgwake when the database user cannot enter, and stays there', async () => {
    const closed = join(directory, 'closed');
    mkdirSync(closed, { mode: 0o700 });
    const dataDir = join(closed, '.pgwake');
    const told: string[] = [];
    const home = await prepareHome({ dataDir, onProgress: (text) => told.push(text) });
    try {
      expect(home.root).toMatch(/^\/var\/lib\/pgwake\/[0-9a-f]{16}$/);
      expect(told).toEqual([expect.stringContaining(home.root)]);
      expect(readFileSync(join(dataDir, 'location'), 'utf8')).toBe(`${home.root}\n`);
      chmodSync(closed, 0o755);
      expect((await prepareHome({ dataDir })).root).toBe(home.root);
    } finally {
      rmSync(home.root, { recursive: true, force: true });
    }
  });

  asRoot('copies binaries that the database user cannot read', async () => {
    const closed = join(directory, 'private');
    mkdirSync(closed, { mode: 0o700 });
    cpSync(dirname(locateBinDir(undefined)), join(closed, 'native'), { recursive: true, verbatimSymlinks: true });
    const binDir = join(closed, 'native', 'bin');
    const home = await prepareHome({ dataDir: join(directory, 'copied'), binDir });
    expect(home.binaries.binDir).toBe(join(home.root, 'postgres', home.binaries.version, 'bin'));
  });
});

describe('restoreSymlinks', () => {
  it('makes the links that an install without scripts left out', () => {
    const installed = dirname(dirname(locateBinDir(undefined)));
    const copy = join(directory, 'no-scripts');
    mkdirSync(join(copy, 'native', 'lib'), { recursive: true });
    cpSync(join(installed, 'native', 'pg-symlinks.json'), join(copy, 'native', 'pg-symlinks.json'));
    restoreSymlinks(copy);
    const links = JSON.parse(readFileSync(join(copy, 'native', 'pg-symlinks.json'), 'utf8')) as { target: string }[];
    expect(links.length).toBeGreaterThan(0);
    for (const { target } of links)
      expect(readlinkSync(join(copy, target))).toBe(readlinkSync(join(installed, target)));
  });
});

describe('the embedded Postgres', () => {
  it('works in a directory whose path is too long for a socket, is adopted when it runs, and stops', async () => {
    const dataDir = join(directory, 'a'.repeat(60), 'b'.repeat(60));
    mkdirSync(dirname(dataDir), { mode: 0o755 });
    const home = await prepareHome({ dataDir });
    const first = await startEmbeddedPostgres({ home, name: 'catalog' });
    let second: EmbeddedPostgres | undefined;
    try {
      expect(first.adopted).toBe(false);
      expect(first.connection.host).toBe(placeOf(join(home.root, 'catalog')).socketDirectory);
      expect(first.connection.host.startsWith(tmpdir())).toBe(true);
      expect(statSync(first.connection.host).mode & 0o777).toBe(0o700);
      first.detach();

      second = await startEmbeddedPostgres({ home, name: 'catalog' });
      expect(second.adopted).toBe(true);
      const client = new pg.Client({ ...second.connection });
      await client.connect();
      expect((await client.query('SELECT current_user, current_database()')).rows).toEqual([
        { current_user: 'pgwake', current_database: 'pgwake' },
      ]);
      await client.end();
    } finally {
      await (second ?? first).stop();
    }
    expect(existsSync(join(home.root, 'catalog', 'data', 'postmaster.pid'))).toBe(false);
    rmSync(first.connection.host, { recursive: true });
  });
});
