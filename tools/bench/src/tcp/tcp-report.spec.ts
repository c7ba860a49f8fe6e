import { describe, expect, it } from '@jest/globals';
import type { TcpSample } from './measure-tcp.ts';
import type { PeerName } from './peer.ts';
import { parsePgbench } from './pgbench.ts';
import { createTcpReport, renderTcpReport } from './tcp-report.ts';

const at = new Date('2026-01-02T03:04:05Z');
const sample = (peer: PeerName, round: number, perSecond: number, cpuUs: number | undefined): TcpSample => ({
  load: 'simple, 8 clients',
  peer,
  round,
  count: perSecond,
  perSecond,
  cpuUs,
});

const samples = [
  sample('direct', 1, 200, undefined),
  sample('pgbouncerSession', 1, 100, 20),
  sample('pgwake', 1, 90, 30),
  // The machine slowed down by half.
  sample('direct', 2, 100, undefined),
  sample('pgbouncerSession', 2, 50, 40),
  sample('pgwake', 2, 50, 50),
  sample('direct', 3, 100, undefined),
  sample('pgbouncerSession', 3, 50, 40),
  sample('pgwake', 3, 40, 60),
];

describe('the report of the way over TCP', () => {
  const idle = [{ peer: 'pgwake', what: 'plain', sessions: 1_000, bytesPerSession: 12_340 }] as const;
  const report = createTcpReport({ samples, idle, missing: ['Left out: haproxy (not installed).'] }, at);

  it('makes ratios within each round, and takes their median', () => {
    expect(report.rows.map(({ peer }) => peer)).toEqual(['direct', 'pgbouncerSession', 'pgwake']);
    expect(report.rows[2]).toMatchObject({
      perSecond: 50,
      cpuUs: 50,
      rateToDirect: 0.45,
      rateToPgBouncer: 0.9,
      cpuToPgBouncer: 1.5,
    });
  });

  it('has no ratio to who does not take part, and no CPU where there is no process', () => {
    const alone = createTcpReport(
      { samples: samples.filter(({ peer }) => peer === 'direct'), idle: [], missing: [] },
      at,
    );
    expect(alone.rows).toEqual([
      expect.objectContaining({ rateToDirect: 1, rateToPgBouncer: undefined, cpuUs: undefined, p99Ms: undefined }),
    ]);
  });

  it('reads as a block for each load, the idle sessions, and who is missing', () => {
    const text = renderTcpReport(report);
    expect(text).toMatch(/^simple, 8 clients$/m);
    expect(text).toMatch(/^ {2}pgwake +50 +0\.45 +0\.90 +50\.0 +1\.50$/m);
    expect(text).toMatch(/^pgwake, plain +1000 +12\.3$/m);
    expect(text).toContain('Left out: haproxy (not installed).');
  });
});

describe('what pgbench says', () => {
  it('is read for the number of transactions and their rate', () => {
    const output =
      'number of transactions actually processed: 4242\nlatency average = 0.5 ms\ntps = 1234.5 (without initial connection time)\n';
    expect(parsePgbench(output)).toEqual({ count: 4242, perSecond: 1234.5 });
  });

  it('is no result when nothing was processed', () => {
    expect(() => parsePgbench('number of transactions actually processed: 0\n')).toThrow('did not say');
  });
});
