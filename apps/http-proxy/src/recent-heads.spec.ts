import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { RecentHeads } from './recent-heads.js';

const raw = [
  'Host',
  'api.localhost',
  'Content-Length',
  '12',
  'Neon-Connection-String',
  'postgres://app:right@demo/app',
];
const headers = { host: 'api.localhost', 'content-length': '12', 'neon-connection-string': raw[5] };

let heads: RecentHeads;
const connection = {};

beforeEach(() => {
  jest.useFakeTimers();
  heads = new RecentHeads();
  heads.keep(connection, raw, headers);
});

afterEach(() => {
  jest.useRealTimers();
});

/** The same with one text changed. */
function changed(at: number, to: string): string[] {
  return raw.map((text, index) => (index === at ? to : text));
}

describe('the last head of a connection', () => {
  it('is found again', () => {
    expect(heads.find(connection, [...raw])).toBe(headers);
  });

  it('is found with another length of the body, which changes nothing in what was kept', () => {
    expect(heads.find(connection, changed(3, '7'))).toEqual({ ...headers, 'content-length': '7' });
    expect(heads.find(connection, raw)).toBe(headers);
  });

  it.each([
    ['with another password', changed(5, 'postgres://app:wrong@demo/app')],
    ['with another name', changed(4, 'Neon-Connection-Strinh')],
    ['with the name of the length written otherwise', changed(2, 'content-length')],
    ['without its last header', raw.slice(0, 4)],
    ['with one more', [...raw, 'Neon-Array-Mode', 'true']],
    ['with its headers in another order', [...raw.slice(2), ...raw.slice(0, 2)]],
  ])('is not found %s', (_, other) => {
    expect(heads.find(connection, other)).toBeUndefined();
  });

  it('is not found on another connection', () => {
    expect(heads.find({}, raw)).toBeUndefined();
  });

  it('is forgotten within a second', () => {
    jest.advanceTimersByTime(1_000);
    expect(heads.find(connection, raw)).toBeUndefined();
    heads.keep(connection, raw, headers);
    expect(heads.find(connection, raw)).toBe(headers);
    jest.advanceTimersByTime(1_000);
    expect(heads.find(connection, raw)).toBeUndefined();
  });
});
