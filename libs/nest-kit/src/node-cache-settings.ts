// The settings of the node cache that the proxies and wake-service must be given alike.

import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type NodeKeys, type RedisSettings, parseNodeKeys } from '@pgwake/node-cache';
import { type SettingsOf, setting } from './settings.js';
import { StartupError } from './startup-error.js';

export const nodeCacheSettings = {
  redisUrl: setting.optionalText(
    'PGWAKE_REDIS_URL',
    'URL of the Redis in which proxies share node addresses: redis:// or rediss:// (TLS), with user and password; without it each proxy asks wake-service.',
  ),
  redisCaFile: setting.optionalText(
    'PGWAKE_REDIS_CA_FILE',
    'PEM file with the CA of a rediss:// URL; without it the CAs that come with Node.',
  ),
  redisPrefix: setting.text(
    'PGWAKE_REDIS_PREFIX',
    'pgwake:',
    'What the names of all keys and channels in Redis begin with.',
  ),
  redisCallTimeoutMs: setting.integer(
    'PGWAKE_REDIS_CALL_TIMEOUT_MS',
    50,
    { low: 1, high: 1_000 },
    'How long Redis may take to answer, in milliseconds; then it is done without.',
  ),
  nodeKeys: setting.list(
    'PGWAKE_NODE_KEYS',
    '',
    'Keys for the signatures of node addresses, each as id:hex of at least 32 bytes, comma-separated: the first signs, all are accepted; required with PGWAKE_REDIS_URL.',
  ),
  nodeCacheMaxAgeMs: setting.integer(
    'PGWAKE_NODE_CACHE_MAX_AGE_MS',
    240_000,
    { low: 1_000, high: 86_400_000 },
    'How long a node address is used without asking wake-service again, in milliseconds.',
  ),
};

export interface NodeSharing {
  readonly keys: NodeKeys;
  /** `undefined`: each process for itself. */
  readonly redis: RedisSettings | undefined;
}

/** Throws a StartupError when they do not go together; it holds neither keys nor the URL. */
export function readNodeSharing(settings: SettingsOf<typeof nodeCacheSettings>): NodeSharing {
  const parsed = parseNodeKeys(settings.nodeKeys);
  if (!parsed.ok) throw new StartupError(`Settings: PGWAKE_NODE_KEYS: ${parsed.what}.`);
  const { keys } = parsed;
  const { redisUrl: url, redisPrefix: prefix, redisCallTimeoutMs, nodeCacheMaxAgeMs } = settings;
  if (url === undefined) return { keys, redis: undefined };
  if (!isRedisUrl(url)) {
    throw new StartupError('Settings: PGWAKE_REDIS_URL must be redis://host:port or rediss://host:port.');
  }
  if (keys.size === 0) {
    throw new StartupError(
      'Settings: PGWAKE_REDIS_URL needs PGWAKE_NODE_KEYS, so that no address is dialled unsigned.',
    );
  }
  const address = { url, ca: readCa(settings.redisCaFile) };
  return { keys, redis: { address, prefix, callTimeoutMs: redisCallTimeoutMs, maxAgeMs: nodeCacheMaxAgeMs } };
}

function isRedisUrl(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || !['redis:', 'rediss:'].includes(url.protocol) || url.hostname === '') return false;
  try {
    decodeURIComponent(url.username + url.password);
    return true;
  } catch {
    return false;
  }
}

function readCa(file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  try {
    const ca = readFileSync(file, 'utf8');
    new X509Certificate(ca); // TLS itself passes over a text that holds none
    return ca;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new StartupError(`The CA ${file} (PGWAKE_REDIS_CA_FILE) cannot be used: ${why}.`, { cause: error });
  }
}
