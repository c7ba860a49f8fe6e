import { describe, expect, it } from '@jest/globals';
import { nodeCacheSettings, readNodeSharing } from './node-cache-settings.js';
import { loadSettings } from './settings.js';
import { StartupError } from './startup-error.js';

const url = 'rediss://user:secret@redis.test:6380/1';
const keys = `new:${'5e'.repeat(32)}, old:${'c0'.repeat(32)}`;

const read = (env: Readonly<Record<string, string>>) => readNodeSharing(loadSettings(nodeCacheSettings, env));

describe('the settings of the node cache', () => {
  it('need nothing: each process is for itself then', () => {
    expect(read({})).toEqual({ keys: new Map(), redis: undefined });
  });

  it('may hold keys without a Redis', () => {
    expect([...read({ PGWAKE_NODE_KEYS: keys }).keys.keys()]).toEqual(['new', 'old']);
  });

  it('say where Redis is and what is in it', () => {
    expect(read({ PGWAKE_NODE_KEYS: keys, PGWAKE_REDIS_URL: url }).redis).toEqual({
      address: { url, ca: undefined },
      prefix: 'pgwake:',
      callTimeoutMs: 50,
      maxAgeMs: 240_000,
    });
  });

  it.each([
    [{ PGWAKE_NODE_KEYS: '' }, 'PGWAKE_REDIS_URL needs PGWAKE_NODE_KEYS'],
    [{ PGWAKE_NODE_KEYS: 'a:secret' }, 'PGWAKE_NODE_KEYS: key 1 is not of the form id:hex.'],
    [{ PGWAKE_NODE_KEYS: 'a:5ec7e7' }, 'PGWAKE_NODE_KEYS: key 1 is shorter than 32 bytes.'],
    [{ PGWAKE_REDIS_URL: 'secret' }, 'PGWAKE_REDIS_URL must be redis://'],
    [{ PGWAKE_REDIS_URL: 'http://secret' }, 'PGWAKE_REDIS_URL must be redis://'],
    [{ PGWAKE_REDIS_URL: 'redis://user:secret%@host' }, 'PGWAKE_REDIS_URL must be redis://'],
    [{ PGWAKE_REDIS_CA_FILE: '/nowhere/ca.crt' }, '/nowhere/ca.crt'],
    [{ PGWAKE_REDIS_CA_FILE: import.meta.filename }, 'PGWAKE_REDIS_CA_FILE'],
  ])('with %j are refused, without a word of the secrets', (more, why) => {
    const attempt = () => read({ PGWAKE_NODE_KEYS: keys, PGWAKE_REDIS_URL: url, ...more });
    expect(attempt).toThrow(StartupError);
    expect(attempt).toThrow(why);
    expect(attempt).not.toThrow(/secret|5ec7e7/);
  });
});
