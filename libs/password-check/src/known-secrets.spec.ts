import { describe, expect, it } from '@jest/globals';
import { KnownSecrets } from './index.js';

describe('what a secret text has come to', () => {
  it('is found by the same text only', () => {
    const secrets = new KnownSecrets<{ readonly name: string }>();
    const meaning = { name: 'app' };
    secrets.remember('postgres://app:right@demo/app', meaning);
    expect(secrets.find('postgres://app:right@demo/app')).toBe(meaning);
    expect(secrets.find('postgres://app:wrong@demo/app')).toBeUndefined();
    expect(secrets.find('postgres://app:right@demo/ap')).toBeUndefined();
  });

  it('is not found in the memory of another', () => {
    const secrets = new KnownSecrets<{ readonly name: string }>();
    secrets.remember('postgres://app:right@demo/app', { name: 'app' });
    expect(new KnownSecrets().find('postgres://app:right@demo/app')).toBeUndefined();
  });
});
