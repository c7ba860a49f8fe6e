import { describe, expect, it } from '@jest/globals';
import type { StormSamples } from './measure-storm.ts';
import { createStormReport, renderStormReport } from './storm-report.ts';

const samples: StormSamples = {
  redis: true,
  starts: 1,
  firstRowMs: [100, 200, 300],
  totalMs: 345.6,
  failures: {},
  proxyMemory: [{ idleBytes: 80e6, peakBytes: 110e6 }],
};
const shape = { clients: 3, proxies: 1, thenThey: 'leave' } as const;
const at = new Date('2026-01-02T03:04:05Z');

describe('the report of a storm', () => {
  it('sums up the time to the first row, and keeps every sample', () => {
    expect(createStormReport(samples, shape, at)).toMatchObject({
      benchmark: 'storm',
      at: '2026-01-02T03:04:05.000Z',
      starts: 1,
      firstRow: { count: 3, medianMs: 200, maxMs: 300, samplesMs: [100, 200, 300] },
    });
  });

  it('reads as starts, failures, times and memory', () => {
    const text = renderStormReport(createStormReport(samples, shape, at));
    expect(text).toContain('3 clients at once over 1 tcp-proxies, with Redis; each leaves with its row.');
    expect(text).toMatch(/^starts +1$/m);
    expect(text).toMatch(/^failures +0$/m);
    expect(text).toMatch(/^connect to first row +200 +280 +298 +300$/m);
    expect(text).toMatch(/^tcp-proxy 1 +80 +110 +10000$/m);
  });

  it('says how many clients failed with which words', () => {
    const failing = { ...samples, failures: { '57P03 the database is not ready': 2, 'read ECONNRESET': 1 } };
    const text = renderStormReport(createStormReport(failing, shape, at));
    expect(text).toMatch(/^failures +3$/m);
    expect(text).toMatch(/^ +2 x 57P03 the database is not ready$/m);
  });

  it('says so when nobody got a row', () => {
    const report = createStormReport({ ...samples, firstRowMs: [] }, shape, at);
    expect(report.firstRow).toBeUndefined();
    expect(renderStormReport(report)).toContain('Nobody got a row.');
  });
});
