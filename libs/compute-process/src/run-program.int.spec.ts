import { describe, expect, it } from '@jest/globals';
import { reasonIn, runProgram } from './run-program.js';

describe('runProgram', () => {
  it('feeds a program and gives back what it said', async () => {
    expect(await runProgram('cat', [], { user: undefined, stdin: 'words' })).toEqual({ ok: true, output: 'words' });
  });
  it('tells a program that failed, and one that is not there', async () => {
    expect(await runProgram('false', [], { user: undefined })).toMatchObject({ ok: false });
    const missing = await runProgram('/no/such/program', [], { user: undefined, stdin: 'words' });
    expect(missing).toEqual({ ok: false, output: expect.stringContaining('ENOENT') });
  });
});

describe('reasonIn', () => {
  it('finds the line with the reason and never quotes the statement', () => {
    const output = `PostgreSQL stand-alone backend 18.4
STATEMENT:  ALTER ROLE a PASSWORD 'error'
ERROR:  role "a" does not exist
`;
    expect(reasonIn(output)).toBe('ERROR:  role "a" does not exist');
  });
  it('falls back to the first line', () => {
    expect(reasonIn('\ncannot find it\n')).toBe('cannot find it');
    expect(reasonIn('')).toBe('it gave no reason');
  });
});
