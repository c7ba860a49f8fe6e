import { findRedisServer, startTestRedis } from '@pgwake/testkit';

/** Runs `measure` with a Redis of its own, or with `undefined` where none is to be had. */
export async function withRedis<Result>(measure: (redisUrl: string | undefined) => Promise<Result>): Promise<Result> {
  if ((await findRedisServer()) === undefined) return measure(undefined);
  const redis = await startTestRedis();
  try {
    return await measure(redis.url);
  } finally {
    await redis.stop();
  }
}
