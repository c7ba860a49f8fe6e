import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { ProbeResult } from '@pgwake/pg-dial';
import { type AwaitedCompute, type ComputeAddress, SilenceWatch } from './silence-watch.js';

const silenceMs = 1_000;
const lookMs = silenceMs / 4;
/** A silence is noticed up to a quarter later. */
const noticedMs = silenceMs + lookMs;

/** The compute of a session as a watch sees it. */
class Session implements AwaitedCompute {
  readonly socket = this;
  bytesRead = 0;
  paused = false;
  answerDue = false;
  readonly losses: string[] = [];

  constructor(readonly address: ComputeAddress | undefined) {}

  isAnswerDue(): boolean {
    return this.answerDue;
  }

  onSilence(cause: Error): void {
    this.losses.push(cause.message);
  }

  isPaused(): boolean {
    return this.paused;
  }
}

let results: ProbeResult[];
let asked: ComputeAddress[];
let probeMs: number;
let watch: SilenceWatch;

/** Gives the results in order, and the last one for ever. */
async function probe(address: ComputeAddress): Promise<ProbeResult> {
  asked.push(address);
  const result = (results.length > 1 ? results.shift() : results[0]) ?? 'alive';
  if (probeMs > 0) await new Promise((resolve) => setTimeout(resolve, probeMs));
  return result;
}

function watchSession(host = '192.0.2.1'): Session {
  const session = new Session({ kind: 'tcp', host, port: 5432 });
  watch.watch(session);
  return session;
}

const pass = (ms: number) => jest.advanceTimersByTimeAsync(ms);

beforeEach(() => {
  jest.useFakeTimers();
  results = ['alive'];
  asked = [];
  probeMs = 0;
  watch = new SilenceWatch(silenceMs, probe);
});
afterEach(() => {
  jest.useRealTimers();
});

describe('a compute that owes an answer and says nothing', () => {
  it('is asked for a sign of life at its address, and not before the time', async () => {
    const session = watchSession();
    session.answerDue = true;
    await pass(silenceMs - 1);
    expect(asked).toEqual([]);
    await pass(lookMs + 1);
    expect(asked).toEqual([{ kind: 'tcp', host: '192.0.2.1', port: 5432 }]);
  });

  it('is lost when it gives none twice in a row, which its session is told once', async () => {
    results = ['silent'];
    const session = watchSession();
    session.answerDue = true;
    await pass(noticedMs);
    expect(session.losses).toEqual([]);
    await pass(lookMs);
    expect(session.losses).toEqual(['no sign of life from the compute for 1000 ms, nor when its address was asked']);
    await pass(10 * silenceMs);
    expect(session.losses).toHaveLength(1);
    expect(asked).toHaveLength(2);
  });

  it('may take as long as it likes as long as it gives one, and is asked again after as long a silence', async () => {
    const session = watchSession();
    session.answerDue = true;
    await pass(noticedMs + 9 * silenceMs);
    expect(asked).toHaveLength(10);
    expect(session.losses).toEqual([]);
  });

  it('is not lost when the network was away for one probe, however often', async () => {
    results = Array.from({ length: 10 }, (): ProbeResult[] => ['silent', 'alive']).flat();
    const session = watchSession();
    session.answerDue = true;
    await pass(10 * (silenceMs + 2 * lookMs));
    expect(asked.length).toBeGreaterThan(10);
    expect(session.losses).toEqual([]);
  });

  it('is not lost because we could not ask', async () => {
    results = ['silent', 'failed'];
    const session = watchSession();
    session.answerDue = true;
    await pass(10 * silenceMs);
    expect(asked.length).toBeGreaterThan(5);
    expect(session.losses).toEqual([]);
  });

  it('is not lost when it speaks while it is asked', async () => {
    results = ['silent'];
    probeMs = 3 * lookMs;
    const session = watchSession();
    session.answerDue = true;
    await pass(noticedMs + probeMs + lookMs);
    expect(asked).toHaveLength(2);
    session.bytesRead += 1;
    await pass(probeMs + lookMs);
    expect(session.losses).toEqual([]);
  });

  it('is asked one question at a time, however long that takes', async () => {
    probeMs = 3 * silenceMs;
    const session = watchSession();
    session.answerDue = true;
    await pass(noticedMs + probeMs - 1);
    expect(asked).toHaveLength(1);
  });
});

describe('one question', () => {
  it('is for all sessions that wait at an address, whenever they began to', async () => {
    results = ['silent'];
    const early = watchSession();
    const late = watchSession();
    const elsewhere = watchSession('192.0.2.2');
    early.answerDue = true;
    elsewhere.answerDue = true;
    await pass(2 * lookMs);
    late.answerDue = true;
    await pass(silenceMs);
    expect(asked.map(({ host }) => host).sort()).toEqual(['192.0.2.1', '192.0.2.1', '192.0.2.2', '192.0.2.2']);
    expect([early, elsewhere].map(({ losses }) => losses.length)).toEqual([1, 1]);
    expect(late.losses).toEqual([]);
    // What was found out about the address still holds: it takes one question more.
    await pass(2 * lookMs);
    expect(late.losses).toHaveLength(1);
    expect(asked).toHaveLength(5);
  });

  it('that was answered serves those who began to wait later, too', async () => {
    const early = watchSession();
    const late = watchSession();
    early.answerDue = true;
    await pass(2 * lookMs);
    late.answerDue = true;
    await pass(silenceMs);
    expect(asked).toHaveLength(1);
    await pass(2 * lookMs);
    expect(asked).toHaveLength(1);
  });

  it('is forgotten when another session of the address hears something', async () => {
    results = ['silent'];
    const session = watchSession();
    const other = watchSession();
    session.answerDue = true;
    await pass(noticedMs);
    expect(asked).toHaveLength(1);
    for (let round = 0; round < 20; round += 1) {
      other.bytesRead += 1;
      await pass(lookMs);
    }
    expect(session.losses).toEqual([]);
  });
});

describe('nobody is asked', () => {
  it.each<[string, (session: Session) => void]>([
    ['nothing is due', (session) => (session.answerDue = false)],
    ['something comes now and then', (session) => (session.bytesRead += 1)],
    ['we read nothing because the client is slow', (session) => (session.paused = true)],
  ])('while %s', async (_what, act) => {
    results = ['silent'];
    const session = watchSession();
    session.answerDue = true;
    for (let round = 0; round < 20; round += 1) {
      act(session);
      await pass(lookMs);
    }
    expect(asked).toEqual([]);
  });

  it('while queries are short', async () => {
    const session = watchSession();
    for (let round = 0; round < 20; round += 1) {
      session.answerDue = true;
      await pass(lookMs / 2);
      session.bytesRead += 100;
      session.answerDue = false;
      await pass(lookMs / 2);
    }
    expect(asked).toEqual([]);
  });

  it('after the end of the session, on a unix socket, nor where the time is 0', async () => {
    const address = { kind: 'tcp', host: '192.0.2.1', port: 5432 } as const;
    const ended = new Session(address);
    const local = new Session(undefined);
    const unwatched = new Session(address);
    const all = [ended, local, unwatched];
    for (const session of all) session.answerDue = true;
    watch.watch(ended);
    watch.watch(local);
    new SilenceWatch(0, probe).watch(unwatched);
    watch.forget(ended);
    await pass(10 * silenceMs);
    expect(asked).toEqual([]);
  });
});

describe('the timer', () => {
  it('is one for all, and none for nobody', () => {
    expect(jest.getTimerCount()).toBe(0);
    const port = (at: number) => 5000 + (at % 10);
    const sessions = Array.from(
      { length: 100 },
      (_, at) => new Session({ kind: 'tcp', host: '192.0.2.1', port: port(at) }),
    );
    for (const session of sessions) watch.watch(session);
    expect(jest.getTimerCount()).toBe(1);
    for (const session of sessions) watch.forget(session);
    for (const session of sessions) watch.forget(session);
    expect(jest.getTimerCount()).toBe(0);
  });
});
