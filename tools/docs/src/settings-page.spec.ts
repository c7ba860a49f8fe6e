import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { renderSettingsPage } from './settings-page.ts';

describe('docs/settings.md', () => {
  it('is what the code says', () => {
    expect(readFileSync(new URL('../../../docs/settings.md', import.meta.url), 'utf8')).toBe(renderSettingsPage());
  });
});
