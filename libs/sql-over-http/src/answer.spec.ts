import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Answer, LineAnswer, type OutputModes, renderErrorBody } from './index.js';

const raw = { rawText: true, arrayMode: true };
const values = { rawText: false, arrayMode: true };
const objects = { rawText: false, arrayMode: false };

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array): string => new TextDecoder('utf-8', { fatal: true }).decode(bytes);
const read = (bytes: Uint8Array): unknown => JSON.parse(decode(bytes));

function int(size: 2 | 4, value: number): number[] {
  return Array.from({ length: size }, (_, index) => (value >> (8 * (size - 1 - index))) & 255);
}

function description(...columns: [name: string, typeId: number][]): Uint8Array {
  const bytes = columns.flatMap(([name, typeId]) => [
    ...encode(`${name}\0`),
    ...[...int(4, 16_385), ...int(2, 2), ...int(4, typeId), ...int(2, -1), ...int(4, -1), ...int(2, 0)],
  ]);
  return Uint8Array.from([...int(2, columns.length), ...bytes]);
}

function row(...cells: (string | null)[]): Uint8Array {
  const bytes = cells.flatMap((cell) => {
    if (cell === null) return int(4, -1);
    const text = encode(cell);
    return [...int(4, text.length), ...text];
  });
  return Uint8Array.from([...int(2, cells.length), ...bytes]);
}

function fail(): never {
  throw new Error('there was room');
}

function answerIn(modes: OutputModes): Answer {
  return new Answer('single', [modes], 1e6, fail);
}

function rowsOf(modes: OutputModes, typeIds: readonly number[], ...cells: (string | null)[]): unknown {
  const sink = answerIn(modes);
  sink.onRowDescription(description(...typeIds.map((typeId, index): [string, number] => [`c${index}`, typeId])));
  sink.onDataRow(row(...cells));
  sink.onCommandComplete(encode('SELECT 1\0'));
  return (read(sink.finish()) as { rows: unknown[] }).rows[0];
}

describe('Answer', () => {
  it('has exactly the members that the driver reads', () => {
    const sink = answerIn(raw);
    sink.onRowDescription(description(['a "quoted"\tname', 23]));
    sink.onDataRow(row('1'));
    sink.onDataRow(row(null));
    sink.onCommandComplete(encode('SELECT 2\0'));
    expect(read(sink.finish())).toStrictEqual({
      fields: [
        {
          name: 'a "quoted"\tname',
          dataTypeID: 23,
          tableID: 16_385,
          columnID: 2,
          dataTypeSize: -1,
          dataTypeModifier: -1,
          format: 'text',
        },
      ],
      rows: [['1'], [null]],
      command: 'SELECT',
      rowCount: 2,
      rowAsArray: true,
    });
  });

  it.each([
    ['INSERT 0 5', 'INSERT', 5],
    ['CREATE TABLE', 'CREATE', null],
    ['BEGIN', 'BEGIN', null],
    ['COPY 3', 'COPY', 3],
    ['', '', null],
  ])('reads the command tag %j', (tag, command, rowCount) => {
    const answer = answerIn(raw);
    answer.onCommandComplete(tag === '' ? new Uint8Array(0) : encode(`${tag}\0`));
    expect(read(answer.finish())).toStrictEqual({ fields: [], rows: [], command, rowCount, rowAsArray: true });
  });

  it('gives the results of a batch in order, each in the mode asked for', () => {
    const answer = new Answer('batch', [raw, objects, raw], 1e6, fail);
    answer.onRowDescription(description(['a', 23]));
    answer.onDataRow(row('1'));
    answer.onCommandComplete(encode('SELECT 1\0'));
    answer.onRowDescription(description(['a', 23], ['b', 25]));
    answer.onDataRow(row('1', 'x'));
    answer.onCommandComplete(encode('SELECT 1\0'));
    answer.onCommandComplete(encode('CREATE TABLE\0'));
    expect(read(answer.finish())).toMatchObject({
      results: [
        { rows: [['1']], rowAsArray: true },
        { rows: [{ a: 1, b: 'x' }], rowAsArray: false },
        { rows: [], fields: [], command: 'CREATE' },
      ],
    });
    expect(read(new Answer('batch', [], 1e6, fail).finish())).toStrictEqual({ results: [] });
  });

  it('passes any text through unchanged', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), fc.boolean(), (text, arrayMode) => {
        const expected = arrayMode ? [text, null] : { c0: text, c1: null };
        expect(rowsOf({ rawText: true, arrayMode }, [25, 25], text, null)).toEqual(expected);
      }),
    );
  });

  it.each([
    [16, 't', true],
    [16, 'f', false],
    [21, '-7', -7],
    [23, '2147483647', 2_147_483_647],
    [20, '9007199254740993', '9007199254740993'],
    [1700, '1.10', '1.10'],
    [700, '1.5', 1.5],
    [701, '1e-07', 1e-7],
    [701, '-0', -0],
    [701, 'NaN', 'NaN'],
    [701, '-Infinity', '-Infinity'],
    [114, '{"a":\n [1]}', { a: [1] }],
    [3802, '"x"', 'x'],
    [1184, '2026-01-01 00:00:00+00', '2026-01-01 00:00:00+00'],
    [99_999, 'whatever', 'whatever'],
    [1007, '{1,NULL,3}', [1, null, 3]],
    [1007, '{}', []],
    [1007, '[0:1]={1,2}', [1, 2]],
    [
      1007,
      '{{1,2},{3,4}}',
      [
        [1, 2],
        [3, 4],
      ],
    ],
    [1000, '{t,f,NULL}', [true, false, null]],
    [1022, '{1.5,NaN}', [1.5, 'NaN']],
    [1009, '{a,"b c","d\\"e","f\\\\g","NULL",NULL,""}', ['a', 'b c', 'd"e', 'f\\g', 'NULL', null, '']],
    [1016, '{9007199254740993}', ['9007199254740993']],
    [3807, '{"{\\"a\\": [1, null]}",NULL}', [{ a: [1, null] }, null]],
    [1009, 'no array', 'no array'],
    [1009, '{"unfinished', '{"unfinished'],
    [1009, '{a}b', '{a}b'],
    [1020, '{(1,1),(0,0);(2,2),(1,1)}', '{(1,1),(0,0);(2,2),(1,1)}'],
  ])('type %i: %s as JSON', (typeId, text, value) => {
    expect(rowsOf(values, [typeId], text)).toEqual([value]);
    expect(rowsOf(raw, [typeId], text)).toEqual([text]);
  });

  it.each([
    ['one row', 1, 1000],
    ['many rows', 1000, 1],
  ])('says once that %s is more than the limit, and keeps nothing of it', (_, count, size) => {
    let said = 0;
    const answer = new Answer('single', [raw], 1000, () => (said += 1));
    answer.onRowDescription(description(['a', 25]));
    for (let index = 0; index < count; index += 1) answer.onDataRow(row('x'.repeat(size)));
    answer.onCommandComplete(encode('SELECT 1\0'));
    expect(said).toBe(1);
    expect(answer.finish()).toHaveLength(0);
  });

  it.each([
    ['too few values', row()],
    ['a length beyond the end', Uint8Array.of(0, 1, 0, 0, 0, 9, 65)],
    ['a negative length', Uint8Array.of(0, 1, 255, 255, 255, 254)],
    ['bytes left over', Uint8Array.from([...row('x'), 0])],
    ['nothing', new Uint8Array(0)],
  ])('refuses a row with %s', (_, body) => {
    const sink = answerIn(raw);
    sink.onRowDescription(description(['a', 25]));
    expect(() => sink.onDataRow(body)).toThrow('the compute sent a malformed');
  });

  it('refuses a row description that ends too early', () => {
    const whole = description(['a', 25]);
    for (let size = 0; size < whole.length; size += 1) {
      const sink = answerIn(raw);
      expect(() => sink.onRowDescription(whole.subarray(0, size))).toThrow('the compute sent a malformed');
    }
  });
});

describe('LineAnswer', () => {
  const linesOf = (...chunks: Uint8Array[]): unknown[] =>
    chunks
      .map(decode)
      .join('')
      .split(/(?<=\n)/)
      .map((line) => JSON.parse(line) as unknown);

  it('says each thing in a line of its own', () => {
    const sent: Uint8Array[] = [];
    const answer = new LineAnswer([objects, raw], (chunk) => sent.push(chunk) > 0);
    answer.onRowDescription(description(['a', 114]));
    expect(answer.onDataRow(row('{"x":\n1}'))).toBe(true);
    answer.onCommandComplete(encode('SELECT 1\0'));
    answer.onCommandComplete(encode('CREATE TABLE\0'));
    expect(linesOf(...sent, answer.finish())).toMatchObject([
      { fields: [{ name: 'a' }], rowAsArray: false },
      { row: { a: { x: 1 } } },
      { command: 'SELECT', rowCount: 1 },
      { fields: [], rowAsArray: true },
      { command: 'CREATE', rowCount: null },
      { end: 'ok' },
    ]);
  });

  it('holds little however much goes through, and says when it is sent more than is taken', () => {
    let [taken, largest] = [0, 0];
    const sink = new LineAnswer([raw], (chunk) => {
      taken += chunk.length;
      largest = Math.max(largest, chunk.length);
      return false;
    });
    sink.onRowDescription(description(['a', 25]));
    const body = row('x'.repeat(1000));
    const refusals = Array.from({ length: 10_000 }, () => sink.onDataRow(body)).filter((more) => !more).length;
    expect(refusals).toBeGreaterThan(100);
    expect(taken).toBeGreaterThan(9_900_000);
    expect(largest).toBeLessThan(64 * 1024);
  });

  it('ends with the error, also in the middle of a row', () => {
    const answer = new LineAnswer([raw], () => true);
    answer.onRowDescription(description(['a', 25], ['b', 25]));
    expect(() => answer.onDataRow(Uint8Array.of(0, 2, 0, 0, 0, 1, 65, 9, 9, 9, 9))).toThrow();
    const error = { severity: 'ERROR', code: '22012', message: 'division by zero' };
    expect(linesOf(answer.fail(renderErrorBody(error)))).toMatchObject([{ rowAsArray: true }, { end: 'error', error }]);
  });
});

describe('renderErrorBody', () => {
  it('names every field, null where there is none', () => {
    const body = read(
      renderErrorBody({ severity: 'ERROR', code: '42703', message: 'column "é" does not exist', position: '8' }),
    );
    expect(body).toMatchObject({ code: '42703', message: 'column "é" does not exist', position: '8', detail: null });
    expect(Object.keys(body as object)).toEqual(
      (
        'severity code message detail hint position internalPosition internalQuery where schema table column dataType ' +
        'constraint file line routine'
      ).split(' '),
    );
  });

  it('says which statement of a batch failed', () => {
    const error = { severity: 'ERROR', code: '42703', message: 'x', statementIndex: 2 };
    expect(read(renderErrorBody(error))).toMatchObject({ statementIndex: 2 });
  });
});
