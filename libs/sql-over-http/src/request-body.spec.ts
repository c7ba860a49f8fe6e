import { describe, expect, it } from '@jest/globals';
import { isGatewayError } from '@pgwake/gateway-errors';
import fc from 'fast-check';
import { parseRequestBody } from './index.js';

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const parse = (text: string) => parseRequestBody(encode(text));
const paramsOf = (params: string) => {
  const body = parse(`{"query":"select","params":${params}}`);
  return body.kind === 'single' ? body.statement.params : undefined;
};

describe('parseRequestBody', () => {
  it('reads a query and a batch', () => {
    expect(parse('{"query":"select $1","params":["1",null],"arrayMode":false}')).toEqual({
      kind: 'single',
      statement: { text: 'select $1', params: ['1', null], arrayMode: false },
    });
    expect(parse(' {"queries" : [ {"query":"a"} , {"params":[],"query":"b"} ], "else":{"x":[1]}} ')).toEqual({
      kind: 'batch',
      statements: [
        { text: 'a', params: [] },
        { text: 'b', params: [] },
      ],
    });
    expect(parse('{"queries":[]}')).toEqual({ kind: 'batch', statements: [] });
  });

  it.each([
    ['9007199254740993', '9007199254740993'],
    ['123456789012345678901234567890.10', '123456789012345678901234567890.10'],
    ['-0', '-0'],
    ['1e400', '1e400'],
    ['true', 'true'],
    ['null', null],
    ['"é\\u00e9\\ud83d\\ude00\\n\\/"', 'éé😀\n/'],
    ['{"id": 9007199254740993, "__proto__": {"a":1}} ', '{"id": 9007199254740993, "__proto__": {"a":1}}'],
    ['[]', '{}'],
    ['[1,null,true,"a","NULL"]', '{1,NULL,true,"a","NULL"}'],
    ['["a\\"b","c\\\\d","e,f","{g}",""]', '{"a\\"b","c\\\\d","e,f","{g}",""}'],
    ['[[1,2],[3,9007199254740993]]', '{{1,2},{3,9007199254740993}}'],
    ['[{"a": "b"}]', '{"{\\"a\\": \\"b\\"}"}'],
  ])('takes the parameter %s', (json, text) => {
    expect(paramsOf(`[${json}]`)).toEqual([text]);
  });

  it('reads every text as JSON.parse does', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(paramsOf(JSON.stringify([text]))).toEqual([text]);
      }),
    );
  });

  it('takes for JSON what JSON.parse takes for JSON', () => {
    const pieces = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"',
      '\\',
      'u',
      '0',
      '1',
      '-',
      '.',
      'e',
      'true',
      'null',
      ' ',
      '\n',
      '\t',
      'a',
      '\u0001',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.array(pieces).map((all) => all.join('')),
          fc.json({ maxDepth: 3 }),
        ),
        (json) => {
          expect(accepts(json)).toBe(isJson(json));
        },
      ),
      { numRuns: 2000 },
    );
  });

  it.each([
    ['', 'the body is no valid JSON at character 1'],
    ['{"query":"a"} x', 'the body is no valid JSON at character 15'],
    ['[]', 'a query has to be an object'],
    ['null', 'a query has to be an object'],
    ['{}', 'the body has to have either "query" or "queries"'],
    ['{"query":"a","queries":[]}', 'the body has to have either "query" or "queries"'],
    ['{"query":1}', '"query" has to be a text'],
    ['{"query":"a","query":"b"}', '"query" comes twice'],
    ['{"query":"a","params":[],"params":[]}', '"params" comes twice'],
    ['{"query":"a\\u0000b"}', '"query" holds a NUL'],
    ['{"query":"a","params":{}}', '"params" has to be a list'],
    ['{"query":"a","arrayMode":1}', '"arrayMode" has to be true or false'],
    ['{"queries":{}}', '"queries" has to be a list'],
    ['{"queries":[{}]}', 'one of "queries" has no "query"'],
    ['{"queries":[{"query":"a","queries":[]}],"query":1}', '"query" has to be a text'],
    ['{"query":"\\ud800"}', 'the body is no valid JSON'],
    ['{"query":"\\ud800\\u0041"}', 'the body is no valid JSON'],
    ['{"query":"a', 'the body is no valid JSON at character 12'],
  ])('refuses %j', (json, words) => {
    expect(() => parse(json)).toThrow(words);
  });

  it('refuses what is not UTF-8', () => {
    expect(() => parseRequestBody(Uint8Array.of(0x7b, 0xff, 0x7d))).toThrow('the body is not UTF-8');
  });

  it('goes 64 levels deep and no deeper', () => {
    const nested = (levels: number) => `{"query":"a","params":[${'['.repeat(levels)}${']'.repeat(levels)}]}`;
    expect(() => parse(nested(62))).not.toThrow();
    expect(() => parse(nested(63))).toThrow('the body nests deeper than 64 levels');
    expect(() => parse(nested(5_000_000))).toThrow('the body nests deeper than 64 levels');
    expect(() => parse(`{"x":${'{"a":'.repeat(100_000)}`)).toThrow('the body nests deeper than 64 levels');
  });

  it('takes as many parameters as a Bind message can count', () => {
    const list = (count: number) => JSON.stringify(Array.from({ length: count }, () => null));
    expect(paramsOf(list(65_535))).toHaveLength(65_535);
    expect(() => paramsOf(list(65_536))).toThrow('a query has more than 65535 parameters');
  });

  it('is done with a million keys before anybody notices', () => {
    const wide = `{"x":{${Array.from({ length: 1_000_000 }, (_, index) => `"k${index}":0`).join(',')}},"query":"a"}`;
    const bytes = encode(wide);
    const start = performance.now();
    parseRequestBody(bytes);
    // JSON.parse of the same text takes longer than a second. A tenth of that would do as well, on a quiet machine.
    expect(performance.now() - start).toBeLessThan(1_000);
  });
});

/** Through a member that nobody looks into. */
function accepts(json: string): boolean {
  try {
    parse(`{"query":"a","other":${json}}`);
    return true;
  } catch (error) {
    if (!isGatewayError(error)) throw error;
    return false;
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(`{"query":"a","other":${text}}`);
    // Duplicate members, and members added behind a closed brace, are another matter.
    return Object.keys((JSON.parse(text) as object | null) ?? {}).length >= 0;
  } catch {
    return false;
  }
}
