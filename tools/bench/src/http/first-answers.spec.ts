import { describe, expect, it } from '@jest/globals';
import { readContent, requireSameContent } from './first-answers.ts';
import type { HttpTarget } from './http-load.ts';

const answering = (origin: string, body: object): HttpTarget => ({
  origin,
  requests: [{ headers: {}, body: 'the request', expected: Buffer.from(JSON.stringify(body)) }],
});
const rows = [['1', null, 'a']];
const texts = { fields: [{ name: 'n', dataTypeID: 23 }], rows, command: 'SELECT', rowCount: 1, rowAsArray: true };
const numbers = { command: 'SELECT', rowCount: 1, rows: [[1, null, 'a']], fields: [{ dataTypeID: 23, name: 'n' }] };

describe('two answers', () => {
  it('say the same when only their order, their types and what is extra differ', () => {
    expect(readContent(JSON.stringify(texts))).toEqual(readContent(JSON.stringify(numbers)));
    requireSameContent([answering('a', texts), answering('b', numbers)]);
  });

  it.each([
    ['a value', { ...numbers, rows: [[2, null, 'a']] }],
    ['null and a text', { ...numbers, rows: [[1, 'null', 'a']] }],
    ['the number of rows', { ...numbers, rows: [] }],
    ['a field', { ...numbers, fields: [{ name: 'm', dataTypeID: 23 }] }],
    ['the command', { ...numbers, command: 'UPDATE' }],
    ['the row count', { ...numbers, rowCount: 2 }],
  ])('do not when they differ in %s', (_what, other) => {
    expect(() => requireSameContent([answering('a', texts), answering('b', other)])).toThrow(
      'two answers to the request',
    );
  });
});
