import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { renderCompatibilityPage } from './compatibility-page.js';

describe('docs/compatibility.md', () => {
  it('is what the suites tell', () => {
    const page = new URL('../../../../docs/compatibility.md', import.meta.url);
    expect(readFileSync(page, 'utf8')).toBe(renderCompatibilityPage());
  });
});
