import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import type { Generation } from '@pgwake/ids';
import { readState, removeState, writeState } from './state-file.js';

const directory = mkdtempSync(join(tmpdir(), 'pgwake-state-'));
const file = join(directory, 'state.json');
afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe('the state file', () => {
  it('comes back as written and leaves no draft', () => {
    const state = { generation: 3 as Generation, process: { pid: 4711, startTime: '99' } };
    writeState(file, state);
    expect(readState(file)).toEqual(state);
    expect(readdirSync(directory)).toEqual(['state.json']);
    removeState(file);
    expect(readState(file)).toBeUndefined();
  });
  it.each([
    '',
    '{',
    'null',
    '[]',
    '{"generation":0,"pid":1,"startTime":"1"}',
    '{"generation":1,"pid":"1","startTime":"1"}',
  ])('holding %j says nothing', (text) => {
    writeFileSync(file, text);
    expect(readState(file)).toBeUndefined();
  });
});
