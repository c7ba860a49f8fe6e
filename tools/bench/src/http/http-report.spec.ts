import { describe, expect, it } from '@jest/globals';
import type { ContenderName } from './contenders.ts';
import { createHttpReport, renderHttpReport } from './http-report.ts';
import type { HttpSample } from './measure-http.ts';

const at = new Date('2026-01-02T03:04:05Z');
const sample = (
  contender: ContenderName,
  round: number,
  connections: number,
  figures: Pick<HttpSample, 'perSecond' | 'p50Ms' | 'cpuUs'>,
): HttpSample => ({ contender, connections, round, count: figures.perSecond, p99Ms: 9, ...figures });

const samples = [
  sample('direct', 1, 1, { perSecond: 5_000, p50Ms: 0.1, cpuUs: undefined }),
  sample('nodeHttp', 1, 1, { perSecond: 2_000, p50Ms: 0.4, cpuUs: 100 }),
  sample('pgwake', 1, 1, { perSecond: 1_000, p50Ms: 0.5, cpuUs: 150 }),
  // The machine slowed down by half.
  sample('direct', 2, 1, { perSecond: 2_500, p50Ms: 0.2, cpuUs: undefined }),
  sample('nodeHttp', 2, 1, { perSecond: 1_000, p50Ms: 0.8, cpuUs: 200 }),
  sample('pgwake', 2, 1, { perSecond: 500, p50Ms: 1, cpuUs: 300 }),
  sample('nodeHttp', 1, 16, { perSecond: 4_000, p50Ms: 4, cpuUs: 100 }),
  sample('nestExpress', 1, 16, { perSecond: 2_000, p50Ms: 8, cpuUs: 400 }),
  sample('pgwake', 1, 16, { perSecond: 4_400, p50Ms: 3.5, cpuUs: 80 }),
];
const cold = {
  bareReady: [30, 31, 32],
  bareFirstRow: [40, 41, 42],
  sleepingAnswer: [50, 52, 54],
  warmAnswer: [2, 2, 2],
};

describe('the report of SQL over HTTP', () => {
  const report = createHttpReport({ samples, cold }, at);

  it('puts pgwake beside each within the round, and takes the median', () => {
    const [pgwake, nodeHttp, direct] = report.rows;
    expect(report.rows.map(({ contender, connections }) => [connections, contender])).toEqual([
      [1, 'pgwake'],
      [1, 'nodeHttp'],
      [1, 'direct'],
      [16, 'pgwake'],
      [16, 'nodeHttp'],
      [16, 'nestExpress'],
    ]);
    expect(pgwake).toMatchObject({ perSecond: 750, p50Ms: 0.75, cpuUs: 225, cpuOfPgwake: undefined });
    expect(nodeHttp).toMatchObject({ cpuUs: 150, cpuOfPgwake: 1.5, rateOfPgwake: 0.5 });
    expect(direct?.cpuOfPgwake).toBeUndefined();
    expect(direct?.p50AddedMs).toBeCloseTo(0.6);
  });

  it('keeps every sample', () => {
    expect(report).toMatchObject({ benchmark: 'http', at: '2026-01-02T03:04:05.000Z', samples });
    expect(report.cold?.series.sleepingAnswer).toMatchObject({ medianMs: 52, samplesMs: [50, 52, 54] });
  });

  it('reads as a block for each number of connections, and says plainly what compares', () => {
    const text = renderHttpReport(report);
    expect(text).toMatch(/^1 connection$/m);
    expect(text).toMatch(/^16 connections$/m);
    expect(text).toMatch(/^ {2}pgwake, POST \/sql +4400 +3\.50 +9\.00 +80$/m);
    expect(text).toMatch(/^ {2}node:http \+ pg +4000 +4\.00 +9\.00 +100 +x 0\.80 +x 1\.10 +-0\.50$/m);
    expect(text).toMatch(/^ {2}pgbench, prepared, directly +3750 +0\.15 +9\.00 +x 0\.20 +\+0\.60$/m);
    expect(text).toContain('CPU per request of pgwake over node:http + pg: 1.50 at 1, 0.80 at 16\n');
    expect(text).toContain('CPU per request of pgwake over Nest + Express + pg: 0.20 at 16\n');
    expect(text).not.toContain('over Nest + Fastify');
    expect(text).toContain('made directly, at 1 connection: +0.60 ms\n');
    expect(text).toContain('waits 11.0 ms longer');
  });

  it('has only what was measured', () => {
    expect(renderHttpReport(createHttpReport({ samples, cold: undefined }, at))).not.toContain('milliseconds');
    expect(renderHttpReport(createHttpReport({ samples: [], cold }, at))).toMatch(/^milliseconds/);
  });
});
