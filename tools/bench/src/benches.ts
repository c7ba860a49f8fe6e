import type { Bench } from './bench.ts';
import { cacheBench } from './cache/cache-bench.ts';
import { httpBench } from './http/http-bench.ts';
import { stormBench } from './storm/storm-bench.ts';
import { tcpBench } from './tcp/tcp-bench.ts';
import { wakeBench } from './wake/wake-bench.ts';

/** By the name that the command line gives them. */
export const benches: Readonly<Record<string, Bench>> = {
  wake: wakeBench,
  storm: stormBench,
  cache: cacheBench,
  tcp: tcpBench,
  http: httpBench,
};
