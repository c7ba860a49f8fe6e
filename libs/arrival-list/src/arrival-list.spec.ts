import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ArrivalList, type Standing } from './arrival-list.js';

describe('an arrival list', () => {
  it('has what a Set has, in the same order, whoever comes and leaves', () => {
    const steps = fc.array(fc.oneof(fc.constant('comes' as const), fc.nat({ max: 9 })), { maxLength: 60 });
    fc.assert(
      fc.property(steps, (each) => {
        const list = new ArrivalList<number>();
        const set = new Set<number>();
        const standings: Standing<number>[] = [];
        each.forEach((step, number) => {
          if (step === 'comes') {
            standings.push(list.add(number));
            set.add(number);
            return;
          }
          const standing = standings[step];
          if (standing !== undefined) expect(list.remove(standing)).toBe(set.delete(standing.item));
        });
        expect(list.toArray()).toEqual([...set]);
        expect(list.size).toBe(set.size);
        expect(list.first).toBe([...set][0]);
      }),
    );
  });

  it('leaves nothing in what has left', () => {
    const list = new ArrivalList<string>();
    list.add('first');
    const second = list.add('second');
    list.add('third');
    list.remove(second);
    expect(second).toEqual({ item: 'second', before: undefined, after: undefined, stands: false });
  });
});
