import { expect, it } from '@jest/globals';
import { getEventListeners } from 'node:events';
import { joinSignals } from './join-signals.js';

it('is aborted with the reason of the first that is, and then holds on to none', () => {
  const [first, second] = [new AbortController(), new AbortController()];
  const { signal } = joinSignals(first.signal, second.signal);
  expect(signal.aborted).toBe(false);
  second.abort('second');
  first.abort('first');
  expect(signal.reason).toBe('second');
  for (const parent of [first, second]) expect(getEventListeners(parent.signal, 'abort')).toEqual([]);
});

it('is aborted at once if one of them is', () => {
  const { signal } = joinSignals(new AbortController().signal, AbortSignal.abort('before'));
  expect(signal.reason).toBe('before');
});

it('is aborted no more once it was released', () => {
  const parent = new AbortController();
  const { signal, release } = joinSignals(parent.signal);
  release();
  parent.abort();
  expect(signal.aborted).toBe(false);
  expect(getEventListeners(parent.signal, 'abort')).toEqual([]);
});
