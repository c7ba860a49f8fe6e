import { describe, expect, it } from '@jest/globals';
import { Histogram, Registry } from 'prom-client';
import { QuickHistogram } from './quick-histogram.js';

const options = { name: 'seconds', help: 'how long', buckets: [0.5, 1, 2] };

describe('a quick histogram', () => {
  it('is scraped as the histogram of prom-client is that observed the same', async () => {
    const quickly = new Registry();
    const usually = new Registry();
    const quick = new QuickHistogram({ ...options, label: 'how', registry: quickly });
    const usual = new Histogram({ ...options, labelNames: ['how'], registers: [usually] });
    for (const registry of [quickly, usually]) registry.setDefaultLabels({ app: 'a' });
    for (const how of ['well', 'badly']) {
      for (const value of [0, 0.5, 0.75, 1.25, 2, 2.5, 1e9]) {
        quick.series(how).observe(value);
        usual.observe({ how }, value);
      }
    }
    expect(await usually.metrics()).toContain('seconds_bucket{le="+Inf",app="a",how="badly"} 7');
    expect(sorted(await quickly.metrics())).toEqual(sorted(await usually.metrics()));
    expect(await quickly.getMetricsAsJSON()).toMatchObject([{ name: 'seconds', type: 'histogram', aggregator: 'sum' }]);
  });
});

/** The order of labels in a line means nothing. */
function sorted(metrics: string): string[][] {
  return metrics.split('\n').map((line) => line.split(/[{},]/).sort());
}
