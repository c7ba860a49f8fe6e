import { describe, expect, it } from '@jest/globals';
import { classifyEarlyExit, classifySystemError } from './start-failure.js';

describe('classifyEarlyExit', () => {
  it.each([
    'FATAL:  pre-existing shared memory block (key 1, ID 2) is still in use',
    'FATAL:  lock file "postmaster.pid" already exists',
    'LOG:  could not bind IPv4 address "127.0.0.1": Address already in use',
    'FATAL:  could not map anonymous shared memory: Cannot allocate memory',
  ])('tries again after %j', (detail) => {
    expect(classifyEarlyExit(detail, null)).toEqual({ ok: false, transient: true, detail });
  });
  it.each([
    'FATAL:  database files are incompatible with server',
    'PANIC:  could not locate a valid checkpoint record',
  ])('does not try again after %j', (detail) => {
    expect(classifyEarlyExit(detail, null)).toEqual({ ok: false, transient: false, detail });
  });
  it('tries again when something killed it', () => {
    expect(classifyEarlyExit('', 'SIGKILL')).toMatchObject({ transient: true });
  });
  it('says so when there is no reason to give', () => {
    expect(classifyEarlyExit('', null)).toMatchObject({ transient: false, detail: 'postgres ended without a word' });
  });
});

describe('classifySystemError', () => {
  it('tells a machine under pressure from a missing program', () => {
    expect(classifySystemError(Object.assign(new Error('spawn EAGAIN'), { code: 'EAGAIN' })).transient).toBe(true);
    expect(classifySystemError(Object.assign(new Error('spawn ENOENT'), { code: 'ENOENT' })).transient).toBe(false);
  });
});
