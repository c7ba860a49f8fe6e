// What wake-service answers when it does not answer with a compute.

import type { WakeReply } from '@pgwake/testkit';
import { type Fault, shortDeadlineMs } from './fault.js';
import { type World, nodeAt } from './world.js';

const unwakeable = { code: '58000', text: 'the database could not be started' };
const notAwakeInTime = { code: '57P03', text: 'the database did not wake up in time' };

/** Wake-service says these, and then what is true. No dial happens before. */
async function arrange(world: World, ...replies: readonly WakeReply[]): Promise<() => number> {
  const compute = await world.startCompute(1);
  world.wakes(...replies, nodeAt(compute, 1));
  const { wake } = world.gateway;
  return () => {
    if (compute.seen.accepted > 1) throw new Error('dialled more than once');
    return Math.min(wake.wakesOf(world.endpoint).length, replies.length);
  };
}

/** Wake-service says the same for ever. */
async function arrangeForEver(world: World, reply: WakeReply): Promise<() => number> {
  world.wakes(reply);
  return () => world.gateway.wake.wakesOf(world.endpoint).length;
}

const stops = (code: string, text: string) => ({
  strikes: 1,
  dials: 0,
  wakes: 1,
  tookMs: [0, 100] as const,
  client: { code, text },
});

export const wakeFaults: readonly Fault[] = [
  {
    fault: 'busy, try again in 400 ms',
    address: 'fresh',
    arrange: (world) => arrange(world, { kind: 'failure', reason: 'BUSY', retryAfterMs: 400 }),
    expected: {
      strikes: 1,
      verdicts: ['wake WAKE_BUSY'],
      dials: 1,
      wakes: 2,
      tookMs: [400, 500],
      firstWakeRetryMs: [400, 500],
      client: { servedBy: 1 },
    },
  },
  {
    fault: 'busy for ever',
    address: 'fresh',
    deadline: 'short',
    arrange: (world) => arrangeForEver(world, { kind: 'failure', reason: 'BUSY', retryAfterMs: 400 }),
    expected: {
      verdicts: ['wake WAKE_BUSY'],
      dials: 0,
      wakes: [5, 7],
      tookMs: [shortDeadlineMs, shortDeadlineMs],
      client: notAwakeInTime,
    },
  },
  {
    fault: 'the start failed in a way that may pass, twice',
    address: 'fresh',
    arrange(world) {
      const failed: WakeReply = { kind: 'failure', reason: 'START_FAILED_TRANSIENT' };
      return arrange(world, failed, failed);
    },
    expected: {
      strikes: 2,
      verdicts: ['wake WAKE_FAILED_TRANSIENT'],
      dials: 1,
      wakes: 3,
      // Pauses of at most 100 and 160 ms.
      tookMs: [0, 360],
      firstWakeRetryMs: [0, 100],
      client: { servedBy: 1 },
    },
  },
  {
    fault: 'the start failed',
    address: 'fresh',
    arrange: (world) => arrangeForEver(world, { kind: 'failure', reason: 'START_FAILED' }),
    expected: { ...stops(unwakeable.code, unwakeable.text), verdicts: ['wake WAKE_FAILED'] },
  },
  {
    fault: 'the quota is used up',
    address: 'fresh',
    arrange: (world) => arrangeForEver(world, { kind: 'failure', reason: 'QUOTA_EXCEEDED' }),
    expected: {
      ...stops('53400', 'the quota of this endpoint is used up'),
      verdicts: ['wake QUOTA_EXCEEDED'],
    },
  },
  {
    fault: 'too many wakes',
    address: 'fresh',
    arrange: (world) => arrangeForEver(world, { kind: 'failure', reason: 'RATE_LIMITED' }),
    expected: { ...stops('53300', 'too many connection attempts'), verdicts: ['wake RATE_LIMITED'] },
  },
  {
    fault: 'a reason that this version does not know',
    address: 'fresh',
    arrange: (world) => arrangeForEver(world, { kind: 'failure', reason: 99 }),
    expected: { ...stops(unwakeable.code, unwakeable.text), verdicts: ['wake WAKE_FAILED'] },
  },
  {
    fault: 'bytes that are no message',
    address: 'fresh',
    arrange: (world) => arrangeForEver(world, { kind: 'garbage' }),
    expected: { ...stops(unwakeable.code, unwakeable.text), verdicts: ['wake WAKE_FAILED'] },
  },
  {
    fault: 'an error that gRPC does not mean for retries (INTERNAL)',
    address: 'fresh',
    arrange: (world) => arrangeForEver(world, { kind: 'status', code: 'INTERNAL' }),
    expected: { ...stops(unwakeable.code, unwakeable.text), verdicts: ['wake WAKE_FAILED'] },
  },
  {
    fault: 'silence',
    address: 'fresh',
    deadline: 'short',
    arrange: (world) => arrangeForEver(world, { kind: 'silence' }),
    expected: {
      strikes: 1,
      verdicts: [],
      dials: 0,
      wakes: 1,
      tookMs: [shortDeadlineMs, shortDeadlineMs],
      client: notAwakeInTime,
    },
  },
  {
    fault: 'the answer is lost on the way',
    address: 'fresh',
    arrange: (world) => arrange(world, { kind: 'answerLost' }),
    expected: {
      strikes: 1,
      verdicts: ['wake WAKE_SERVICE_UNAVAILABLE'],
      dials: 1,
      wakes: [2, 4],
      tookMs: [0, 700],
      client: { servedBy: 1 },
    },
  },
];
