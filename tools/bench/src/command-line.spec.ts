import { describe, expect, it } from '@jest/globals';
import { createBench } from './bench.ts';
import { parseCommandLine, renderUsage } from './command-line.ts';
import { UsageError, option } from './options.ts';

const benches = {
  demo: createBench(
    'how it goes',
    {
      rounds: option.count(30, 'how often'),
      sizes: option.counts([1, 8], 'how many at once'),
      then: option.choice(['leave', 'stay'], 'what they do'),
      only: option.some(['one', 'two'], 'these only'),
    },
    (values) => Promise.resolve({ report: values, text: JSON.stringify(values) }),
  ),
};

async function valuesOf(...args: string[]): Promise<object> {
  return (await parseCommandLine(benches, args).bench(() => undefined)).report;
}

describe('the command line', () => {
  it('gives each option its default', async () => {
    expect(await valuesOf('demo')).toEqual({ rounds: 30, sizes: [1, 8], then: 'leave', only: ['one', 'two'] });
    expect(parseCommandLine(benches, ['demo']).json).toBeUndefined();
  });

  it('reads what is given, and where the report goes', async () => {
    const given = ['demo', '--rounds', '7', '--sizes=3,5', '--then', 'stay', '--only', 'two', '--json', 'file'];
    expect(await valuesOf(...given)).toEqual({ rounds: 7, sizes: [3, 5], then: 'stay', only: ['two'] });
    expect(parseCommandLine(benches, given).json).toBe('file');
  });

  it.each([
    [[], 'Which one?'],
    [['toString'], 'There is no benchmark toString.'],
    [['demo', '--rounds', '0'], '--rounds takes N, not 0'],
    [['demo', '--rounds', '1e3'], '--rounds takes N, not 1e3'],
    [['demo', '--sizes', '1,,2'], '--sizes takes N,N,..., not 1,,2'],
    [['demo', '--then', 'sleep'], '--then takes leave|stay, not sleep'],
    [['demo', '--only', 'one,three'], '--only takes one,two, not one,three'],
    [['demo', '--speed', '9'], "Unknown option '--speed'"],
    [['demo', 'more'], "Unexpected argument 'more'"],
  ])('refuses %j: %s', (args, why) => {
    expect(() => parseCommandLine(benches, args)).toThrow(UsageError);
    expect(() => parseCommandLine(benches, args)).toThrow(why);
  });

  it('is explained with every option and its default', () => {
    const usage = renderUsage(benches);
    expect(usage).toContain('demo    how it goes');
    expect(usage).toContain('--rounds N  how often (default 30)');
    expect(usage).toContain('--only one,two  these only (default one,two)');
  });
});
