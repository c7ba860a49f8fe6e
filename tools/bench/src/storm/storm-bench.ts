import { createBench } from '../bench.ts';
import { withRedis } from '../bench-redis.ts';
import { option } from '../options.ts';
import { measureStorm } from './measure-storm.ts';
import { createStormReport, renderStormReport } from './storm-report.ts';

export const stormBench = createBench(
  'many clients at once on one sleeping endpoint: starts, failures, time to first row, memory of the proxies',
  {
    clients: option.count(1_000, 'clients that connect at once'),
    proxies: option.count(3, 'tcp-proxy processes they connect through'),
    then: option.choice(
      ['leave', 'stay'],
      'what a client with its row does; for those that stay the compute is given room',
    ),
  },
  async ({ clients, proxies, then }, say) => {
    const onServed = (count: number): void => say(`${count} of ${clients} clients done`);
    const samples = await withRedis((redisUrl) =>
      measureStorm({ clients, proxies, redisUrl, thenThey: then, onServed }),
    );
    const report = createStormReport(samples, { clients, proxies, thenThey: then }, new Date());
    return { report, text: renderStormReport(report) };
  },
);
