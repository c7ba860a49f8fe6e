import { describe, expect, it } from '@jest/globals';
import { collectRounds, compareWithinRounds, inTurn, ratioOf } from './rounds.ts';

describe('the order of a round', () => {
  it('begins with each as often as with the others', () => {
    expect([0, 1, 2, 3].map((round) => inTurn(['a', 'b', 'c'], round).join(''))).toEqual(['abc', 'bca', 'cab', 'abc']);
  });
});

describe('a comparison', () => {
  const own = [1, 2, 3].map((round) => ({ round, figure: 10 * round }));

  it('is made within each round, and then of all the median', () => {
    const others = [1, 2, 3].map((round) => ({ round, figure: round === 3 ? 3 : 10 }));
    expect(compareWithinRounds(own, others, (mine, theirs) => mine.figure / theirs.figure)).toBe(2);
  });

  it('leaves out rounds without the other one', () => {
    expect(compareWithinRounds(own, [{ round: 2, figure: 4 }], (mine, theirs) => mine.figure - theirs.figure)).toBe(16);
    expect(compareWithinRounds(own, [], () => 1)).toBeUndefined();
  });

  it('has no ratio where a figure is missing', () => {
    expect(ratioOf(6, 3)).toBe(2);
    expect([ratioOf(undefined, 3), ratioOf(6, undefined)]).toEqual([undefined, undefined]);
  });
});

describe('collected rounds', () => {
  it('hold what each way gave, without the discarded rounds, and change who begins', async () => {
    const order: string[] = [];
    let count = 0;
    const way = (name: 'a' | 'b') => () => {
      order.push(name);
      return Promise.resolve({ [name]: ++count });
    };
    const done: number[] = [];
    const onRound = (round: number): unknown => done.push(round);
    const samples = await collectRounds(['a', 'b'], [way('a'), way('b')], { rounds: 2, discarded: 1, onRound });
    expect(order.join('')).toBe('abbaab');
    expect(samples).toEqual({ a: [4, 5], b: [3, 6] });
    expect(done).toEqual([1, 2]);
  });
});
