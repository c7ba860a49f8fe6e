import { describe, expect, it } from '@jest/globals';
import { parsePostmasterFile } from './postmaster-pid.js';

const complete = '4711\n/data\n1764000000\n5432\n/run/pg\n127.0.0.1\n  1234567    98304\nready   \n';

describe('parsePostmasterFile', () => {
  it('reads a complete file', () => {
    expect(parsePostmasterFile(complete)).toEqual({
      pid: 4711,
      port: 5432,
      socketDirectory: '/run/pg',
      listenAddress: '127.0.0.1',
      status: 'ready',
    });
  });
  it('reads the file of a postmaster without TCP that is only starting', () => {
    expect(parsePostmasterFile('4711\n/data\n1764000000\n5432\n/run/pg\n\n')).toEqual({
      pid: 4711,
      port: 5432,
      socketDirectory: '/run/pg',
      listenAddress: undefined,
      status: undefined,
    });
  });
  it('reads no status from a file caught in the middle of being written', () => {
    expect(parsePostmasterFile('4711\n/data\n')).toMatchObject({ pid: 4711, port: undefined, status: undefined });
  });
  it.each(['', '\n', 'ready\n', '-1\n', '0\n', '12x\n'])('takes %j for no file yet', (text) => {
    expect(parsePostmasterFile(text)).toBeUndefined();
  });
});
