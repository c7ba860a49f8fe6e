import { describe, expect, it } from '@jest/globals';
import { identifyProcess, isAlive, parseLsof, parseProcStat, psPrograms } from './process-table.js';

const numbers = Array.from({ length: 49 }, (_, index) => index + 4).join(' ');

describe('parseProcStat', () => {
  it('takes state and start time, fields 3 and 22', () => {
    expect(parseProcStat(`77 (postgres) S ${numbers}\n`)).toEqual({ name: 'postgres', state: 'S', startTime: '22' });
  });
  it('is not misled by a name with spaces and brackets', () => {
    expect(parseProcStat(`77 (a) Z 1 (b) R ${numbers}`)).toEqual({ name: 'a) Z 1 (b', state: 'R', startTime: '22' });
  });
  it('refuses a line that was cut', () => {
    expect(parseProcStat('77 (postgres) S 1 2 3')).toBeUndefined();
  });
});

describe('the process table', () => {
  it('knows this process by id and start time', () => {
    const self = identifyProcess(process.pid);
    expect(self).toMatchObject({ pid: process.pid });
    expect(self && isAlive(self)).toBe(true);
  });
  it('takes another start time for another process that got the same id', () => {
    expect(isAlive({ pid: process.pid, startTime: 'earlier' })).toBe(false);
  });
  it('answers the same questions through ps', () => {
    const self = psPrograms.find(process.pid);
    expect(self?.startTime).toMatch(/\d\d:\d\d:\d\d \d{4}$/);
    expect(psPrograms.find(process.pid)).toEqual(self);
  });
});

describe('parseLsof', () => {
  it('finds the processes that stand in a directory', () => {
    const output = 'p10\nfcwd\nn/data/a\np11\nfcwd\nn/data/b\np12\nfcwd\nn/data/a\n';
    expect(parseLsof(output, '/data/a')).toEqual([10, 12]);
  });
});
