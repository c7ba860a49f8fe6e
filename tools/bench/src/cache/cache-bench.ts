import { createBench } from '../bench.ts';
import { withRedis } from '../bench-redis.ts';
import { option } from '../options.ts';
import { createCacheReport, renderCacheReport } from './cache-report.ts';
import { measureCache } from './measure-cache.ts';

export const cacheBench = createBench(
  'what a connect to a running compute costs, by where the proxy finds its address',
  { rounds: option.count(200, 'connects to measure, each way') },
  async ({ rounds }, say) => {
    const onRound = (done: number): void => say(`round ${done} of ${rounds}`);
    const samples = await withRedis((redisUrl) => measureCache({ rounds, redisUrl, onRound }));
    const report = createCacheReport(samples, new Date());
    return { report, text: renderCacheReport(report) };
  },
);
