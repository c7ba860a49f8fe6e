import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { renderFaultsPage } from './faults-page.ts';

describe('docs/faults.md', () => {
  it('is what the tests hold the gateway to', () => {
    expect(readFileSync(new URL('../../../docs/faults.md', import.meta.url), 'utf8')).toBe(renderFaultsPage());
  });
});
