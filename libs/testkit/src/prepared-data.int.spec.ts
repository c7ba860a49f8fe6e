import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { type ProcessHome, prepareHome } from '@pgwake/compute-process';
import { copyPreparedData, ensurePreparedData } from './prepared-data.js';

let home: ProcessHome;

beforeAll(async () => {
  home = await prepareHome({ dataDir: mkdtempSync(join(tmpdir(), 'pgwake-prepared-')) });
});
afterAll(() => rmSync(home.root, { recursive: true, force: true }));

/** Beside the home. */
async function withCopy(look: (directory: string) => void): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'pgwake-prepared-'));
  try {
    await copyPreparedData(home, directory);
    look(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function entriesOf(directory: string): object[] {
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort();
  return names.map((name) => {
    const { mode, uid, gid } = statSync(join(directory, name));
    return { name, mode, uid, gid };
  });
}

const passwordIn = (directory: string): string => readFileSync(join(directory, 'secrets/service-password'), 'utf8');
const controlFile = 'catalog/data/global/pg_control';

describe('prepared data', () => {
  it('is made once for two who want it at once, in place of what old builds and killed makers left', async () => {
    const area = join(home.root, 'prepared');
    for (const name of ['old', 'recent', 'new.partial-999999999']) mkdirSync(join(area, name), { recursive: true });
    utimesSync(join(area, 'old'), 0, 0);
    const [prepared, same] = await Promise.all([ensurePreparedData(home), ensurePreparedData(home)]);
    expect(same).toBe(prepared);
    expect(readdirSync(area).sort()).toEqual([basename(prepared), 'recent']);
    expect(globSync('**/{postmaster.pid,*.partial-*}', { cwd: prepared })).toEqual([]);
    const { ino } = statSync(prepared);
    expect(statSync(await ensurePreparedData(home)).ino).toBe(ino);
  }, 120_000);

  it('is copied with its owners and modes, and no copy shares a file that Postgres writes', async () => {
    const data = join(await ensurePreparedData(home), 'data');
    await withCopy((copy) => {
      expect(entriesOf(copy)).toEqual(entriesOf(data));
      expect(passwordIn(copy)).toBe(passwordIn(data));
      expect(statSync(join(copy, controlFile)).ino).not.toBe(statSync(join(data, controlFile)).ino);
    });
  }, 120_000);

  it('is made anew when something of it is missing', async () => {
    const data = join(await ensurePreparedData(home), 'data');
    const before = passwordIn(data);
    rmSync(join(data, controlFile));
    await withCopy((copy) => {
      expect(existsSync(join(copy, controlFile))).toBe(true);
      expect(passwordIn(copy)).not.toBe(before);
    });
  }, 120_000);
});
