import { describe, expect, it } from '@jest/globals';
import { GatewayError } from '@pgwake/gateway-errors';
import { RequestAbort } from './request-abort.js';

describe('what calls a request off', () => {
  it('tells each listener once, the first reason, and nobody who has left', () => {
    const abort = new RequestAbort();
    const told: string[] = [];
    const leaves = () => void told.push('left');
    abort.addEventListener('abort', leaves);
    abort.addEventListener('abort', () => void told.push(`told ${abort.reason?.code}`));
    abort.removeEventListener('abort', leaves);
    abort.removeEventListener('abort', leaves);
    expect([abort.aborted, abort.reason]).toEqual([false, undefined]);
    abort.abort(new GatewayError('DRAINING'));
    abort.abort(new GatewayError('CLIENT_GONE'));
    expect(told).toEqual(['told DRAINING']);
    expect([abort.aborted, abort.reason?.code]).toEqual([true, 'DRAINING']);
  });

  it.each(['before', 'afterwards'])('aborts the signal that was asked for %s', (when) => {
    const abort = new RequestAbort();
    if (when === 'before') expect(abort.signal.aborted).toBe(false);
    abort.abort(new GatewayError('DRAINING'));
    expect(abort.signal.aborted).toBe(true);
    expect(abort.signal.reason).toBe(abort.reason);
  });
});
