// Where the redis-server of tests is: REDIS_SERVER_BIN, the PATH, or a copy fetched once from the machine's own Debian
// mirror. Where there is none, suites skip; with CI set they fail, since nobody would notice the skip.

import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type RedisBinary, describeFetchFailure, fetchRedis } from './redis-fetch.js';

type Suite = (name: string, body: () => void) => void;

let found: Promise<RedisBinary | undefined> | undefined;

/** Asks once per process, and takes no more than a minute. Throws when REDIS_SERVER_BIN names no program. */
export function findRedisServer(): Promise<RedisBinary | undefined> {
  return (found ??= locateRedisServer(process.env));
}

/** Without the memory of {@link findRedisServer}. */
export async function locateRedisServer(env: NodeJS.ProcessEnv): Promise<RedisBinary | undefined> {
  const named = env.REDIS_SERVER_BIN;
  if (named !== undefined && named !== '') {
    if (!isExecutable(named)) throw new Error(`REDIS_SERVER_BIN names no program: ${named}`);
    return { path: named, env: {} };
  }
  const directories = (env.PATH ?? '').split(delimiter).filter((directory) => directory !== '');
  const onPath = directories.map((directory) => join(directory, 'redis-server')).find(isExecutable);
  return onPath === undefined ? fetchRedis() : { path: onPath, env: {} };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Gives jest's `describe` back, or `describe.skip` where there is no Redis, saying so:
 * `const describeWithRedis = await skipWithoutRedis(describe)`. Throws instead of skipping when CI is set.
 */
export async function skipWithoutRedis(describe: Suite & { readonly skip: Suite }): Promise<Suite> {
  if ((await findRedisServer()) !== undefined) return describe;
  if (process.env.CI) {
    throw new Error(`redis not found: install redis-server, or set REDIS_SERVER_BIN (${describeFetchFailure()})`);
  }
  process.stderr.write('skipped: redis not found\n');
  return describe.skip;
}
