import { appendFileSync, closeSync, existsSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { openLog, readLastWords, readStartWords } from './log-file.js';

const directory = mkdtempSync(join(tmpdir(), 'pgwake-log-'));
const file = join(directory, 'postgres.log');
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const at = '2026-11-23 10:00:00.000 UTC';

describe('the log of a postmaster', () => {
  it('gives the words of one start only', () => {
    writeFileSync(file, `${at} [1] FATAL:  an old story\n`);
    const { fd, startOffset } = openLog(file);
    appendFileSync(file, `${at} [2] FATAL:  could not open file\n${at} [2] HINT:  look at it\n`);
    closeSync(fd);
    expect(readStartWords(file, startOffset)).toBe('FATAL:  could not open file | HINT:  look at it');
  });
  it('gives last words without any SQL', () => {
    writeFileSync(
      file,
      `${at} [1] LOG:  client backend (PID 9) was terminated by signal 9: Killed
${at} [1] DETAIL:  Failed process was running: SELECT 'secret'
${at} [9] ERROR:  syntax error at "secret"
${at} [9] STATEMENT:  SELECT
	secret
${at} [9] LOG:  statement: SELECT 'secret'
`,
    );
    expect(readLastWords(file, 1)).toBe('LOG:  client backend (PID 9) was terminated by signal 9: Killed');
  });
  it('is set aside when it has grown large', () => {
    truncateSync(file, 17 * 1024 * 1024);
    const { fd, startOffset } = openLog(file);
    closeSync(fd);
    expect(startOffset).toBe(0);
    expect(existsSync(`${file}.1`)).toBe(true);
  });
  it('that does not exist says nothing', () => {
    expect(readLastWords(join(directory, 'none'), 1)).toBe('');
  });
});
