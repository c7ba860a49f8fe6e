import { expect, it } from '@jest/globals';
import { encodeEviction, parseEviction } from './eviction-message.js';
import { endOfGeneration } from './node-stamp.js';
import { demo, nodeOf } from './testing/nodes.js';

it('a message says which stamp is outdated', () => {
  const stamp = endOfGeneration(demo, nodeOf(3).generation);
  expect(parseEviction(encodeEviction(stamp))).toEqual(stamp);
});

it.each([
  [''],
  ['demo'],
  ['null'],
  ['7'],
  ['[]'],
  ['{}'],
  ['{"endpoint":"demo","generation":3}'],
  ['{"endpoint":"de mo","generation":3,"issuedAtMs":1}'],
  ['{"endpoint":"demo","generation":0,"issuedAtMs":1}'],
  ['{"endpoint":"demo","generation":"3","issuedAtMs":1}'],
  ['{"endpoint":"demo","generation":3,"issuedAtMs":-1}'],
  ['{"endpoint":"demo","generation":3,"issuedAtMs":1e300}'],
  [`{"endpoint":"demo","generation":3,"issuedAtMs":1,"more":"${'x'.repeat(300)}"}`],
])('%s is no message', (text) => {
  expect(parseEviction(text)).toBeUndefined();
});
