import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { mayRepeat } from './may-repeat.js';

const query = { complete: true, httpVersion: '1.1', method: 'POST', url: '/sql', headers: { host: 'api.localhost' } };

function ask(changes: Partial<IncomingMessage>, headers: IncomingMessage['headers'] = {}): boolean {
  return mayRepeat({ ...query, ...changes, headers: { ...query.headers, ...headers } } as IncomingMessage);
}

describe('a request that may come past the parser', () => {
  it.each([
    ['plain', {}],
    ['at the path with a question mark', { url: '/sql?from=here' }],
  ])('is a query, %s', (_, changes) => {
    expect(ask(changes)).toBe(true);
    expect(ask(changes, { connection: 'Keep-Alive', accept: '*/*' })).toBe(true);
  });

  it.each([
    ['incomplete', { complete: false }, {}],
    ['of another version', { httpVersion: '1.0' }, {}],
    ['no POST', { method: 'OPTIONS' }, {}],
    ['at another path', { url: '/sqlx' }, {}],
    ['the last one of its connection', {}, { connection: 'close' }],
    ['about something else too', {}, { connection: 'keep-alive, x-option' }],
    ['for a host that is none', {}, { host: 'a, b' }],
    ['compressed', {}, { 'content-encoding': 'gzip' }],
    ['to be allowed first', {}, { expect: '100-continue' }],
    ['in chunks', {}, { 'transfer-encoding': 'chunked' }],
    ['an upgrade', {}, { upgrade: 'h2c' }],
    ['to be answered line by line', {}, { accept: 'application/x-ndjson' }],
  ])('is none that is %s', (_, changes, headers) => {
    expect(ask(changes, headers)).toBe(false);
  });
});
