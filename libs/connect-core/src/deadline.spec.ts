import { describe, expect, it } from '@jest/globals';
import { getEventListeners } from 'node:events';
import { orAborted } from './deadline.js';

describe('work that may be abandoned', () => {
  it('leaves no listener behind, however it ends', async () => {
    const { signal } = new AbortController();
    await orAborted(Promise.resolve(1), signal);
    await orAborted(Promise.reject(new Error('failed')), signal).catch(() => undefined);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });
  it('rejects at once when the signal was aborted before, and hands over what comes too late', async () => {
    const late: number[] = [];
    const work = orAborted(Promise.resolve(1), AbortSignal.abort(new Error('gone')), (value) => void late.push(value));
    await expect(work).rejects.toThrow('gone');
    expect(late).toEqual([1]);
  });
  it('does not care for a failure that comes too late', async () => {
    const work = orAborted(Promise.reject(new Error('failed')), AbortSignal.abort(new Error('gone')));
    await expect(work).rejects.toThrow('gone');
  });
});
