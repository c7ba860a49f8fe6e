import { describe, expect, it } from '@jest/globals';
import { millis, parseEndpointId, parseGeneration, parseRoleName, parseSessionId } from './index.js';

describe('parseEndpointId', () => {
  it.each(['a', 'demo', 'ep-cool-darkness-123', '0', 'a'.repeat(63)])('takes the DNS label %s', (text) => {
    expect(parseEndpointId(text)).toBe(text);
  });
  it('compares in lower case, as DNS does', () => {
    expect(parseEndpointId('DeMo')).toBe('demo');
  });
  it.each(['', '-a', 'a-', 'a.b', 'a_b', 'ä', 'a b', 'a\0', 'a\n', '\u212a', 'a'.repeat(64)])('refuses %j', (text) => {
    expect(parseEndpointId(text)).toBeUndefined();
  });
});

describe('parseGeneration', () => {
  it.each([1, '1', 9007199254740991, '9007199254740991'])('takes %s', (value) => {
    expect(parseGeneration(value)).toBe(Number(value));
  });
  it.each([0, -1, 1.5, NaN, Infinity, 2 ** 53, '', '-1', '1e3', ' 1', '9007199254740993'])('refuses %s', (value) => {
    expect(parseGeneration(value)).toBeUndefined();
  });
});

describe('parseRoleName', () => {
  it.each(['app', 'Ünïcode', 'with space', 'x'.repeat(63)])('takes %s', (text) => {
    expect(parseRoleName(text)).toBe(text);
  });
  it.each(['', 'a\0b', 'x'.repeat(64), 'ü'.repeat(32)])('refuses %j', (text) => {
    expect(parseRoleName(text)).toBeUndefined();
  });
});

describe('parseSessionId', () => {
  it('takes a UUID and refuses anything that could break a log line', () => {
    expect(parseSessionId('7b0f6a52-8f0a-4b53-9a5a-0f5d6f1f2a11')).toBeDefined();
    expect(parseSessionId('abc\ndef-123')).toBeUndefined();
  });
});

describe('millis', () => {
  it('throws for what is no duration', () => {
    expect(() => millis(-1)).toThrow(RangeError);
    expect(() => millis(Number.NaN)).toThrow(RangeError);
    expect(millis(0)).toBe(0);
  });
});
