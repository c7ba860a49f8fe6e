import { createBench } from '../bench.ts';
import { UsageError, option } from '../options.ts';
import { isInstalled } from '../tcp/other-proxies.ts';
import { contenderNames } from './contenders.ts';
import { createHttpReport, renderHttpReport } from './http-report.ts';
import { measureCold } from './measure-cold.ts';
import { measureHttp } from './measure-http.ts';

export const httpBench = createBench(
  'SQL over HTTP beside node:http + pg, Nest + pg and the query made directly: rates, CPU, latency; and a request that wakes',
  {
    // As many as there are contenders, so that each is the first one once.
    rounds: option.count(contenderNames.length, 'times to measure everything but the wake'),
    seconds: option.count(3, 'length of one run'),
    connections: option.counts([1, 16, 64], 'connections with one request at a time'),
    'cold-rounds': option.count(20, 'wakes to measure'),
    only: option.some(['load', 'cold'], 'what to measure'),
    contenders: option.some(contenderNames, 'who takes part in the load'),
  },
  async ({ 'cold-rounds': coldRounds, only, ...options }, say) => {
    const withLoad = only.includes('load');
    if (withLoad && !isInstalled('pgbench')) throw new UsageError('pgbench is not installed');
    const samples = withLoad ? await measureHttp({ ...options, say }) : [];
    const onRound = (done: number): void => say(`wake ${done} of ${coldRounds}`);
    const cold = only.includes('cold') ? await measureCold({ rounds: coldRounds, onRound }) : undefined;
    const report = createHttpReport({ samples, cold }, new Date());
    return { report, text: renderHttpReport(report) };
  },
);
