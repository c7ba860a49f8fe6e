import { createBench } from '../bench.ts';
import { option } from '../options.ts';
import { measureWake } from './measure-wake.ts';
import { createWakeReport, renderWakeReport } from './wake-report.ts';

export const wakeBench = createBench(
  'how long a client waits for a sleeping endpoint, beside the same Postgres without pgwake',
  { rounds: option.count(30, 'wakes to measure') },
  async ({ rounds }, say) => {
    const samples = await measureWake({ rounds, onRound: (done) => say(`round ${done} of ${rounds}`) });
    const report = createWakeReport(samples, new Date());
    return { report, text: renderWakeReport(report) };
  },
);
