import { describe, expect, it } from '@jest/globals';
import { parseEndpointId, parseGeneration } from '@pgwake/ids';
import { clusterNameOf } from './cluster-name.js';

function nameOf(endpoint: string, generation: number): string {
  const ref = { endpoint: parseEndpointId(endpoint), generation: parseGeneration(generation) };
  if (!ref.endpoint || !ref.generation) throw new Error('not a compute');
  return clusterNameOf({ endpoint: ref.endpoint, generation: ref.generation });
}

describe('clusterNameOf', () => {
  it('names endpoint and generation', () => {
    expect(nameOf('demo', 7)).toBe('pgwake/demo/7');
  });
  it('never exceeds what Postgres keeps, and still tells endpoints apart', () => {
    const [long, other] = ['x'.repeat(63), `${'x'.repeat(62)}y`];
    expect(nameOf(long, Number.MAX_SAFE_INTEGER).length).toBeLessThanOrEqual(63);
    expect(nameOf(long, 7)).toMatch(/^pgwake\/~[0-9a-f]{32}\/7$/);
    expect(nameOf(long, 7)).not.toBe(nameOf(other, 7));
  });
});
