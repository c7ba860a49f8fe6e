import { describe, expect, it } from '@jest/globals';
import { waitFor } from './wait-for.js';

describe('waitFor', () => {
  it('resolves as soon as the condition holds', async () => {
    let asked = 0;
    await waitFor(() => (asked += 1) === 3, 1_000);
    expect(asked).toBe(3);
  });

  it('throws at its limit and quotes the condition', async () => {
    await expect(waitFor(() => 1 > 2, 10)).rejects.toThrow('1 > 2');
  });
});
