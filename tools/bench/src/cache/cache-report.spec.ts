import { describe, expect, it } from '@jest/globals';
import { createCacheReport, renderCacheReport } from './cache-report.ts';

const samples = { direct: [10, 10, 10], memory: [14, 15, 16], wakeService: [20, 20, 50] };
const at = new Date('2026-01-02T03:04:05Z');

describe('the report of the cache', () => {
  it('compares the medians with those of the direct connects', () => {
    const { series } = createCacheReport({ ...samples, redis: [16, 16, 16] }, at);
    expect(series.map(({ name, addedMs, ratioToDirect }) => [name, addedMs, ratioToDirect])).toEqual([
      ['direct', 0, 1],
      ['memory', 5, 1.5],
      ['redis', 6, 1.6],
      ['wakeService', 10, 2],
    ]);
  });

  it('reads as one line for each way', () => {
    const text = renderCacheReport(createCacheReport({ ...samples, redis: [16, 16, 16] }, at));
    expect(text).toMatch(/^directly, without pgwake +10\.0 +10\.0 +10\.0$/m);
    expect(text).toMatch(/^pgwake, address from wake-service +20\.0 +44\.0 +49\.4 +10\.0 +2\.00$/m);
    expect(text).toContain('3 rounds');
  });

  it('says that Redis is left out where there is none', () => {
    const text = renderCacheReport(createCacheReport(samples, at));
    expect(text).not.toContain('pgwake, address in Redis');
    expect(text).toContain('Left out: the address in Redis (no redis-server found).');
  });
});
