// The tracker beside a small Postgres that reads whole messages: any conforming session, any timing, cut anywhere.

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isQueryOut, type SessionState } from './session-state.js';
import { SessionTracker } from './session-tracker.js';

/** `body` says what the model server shall do with it. */
interface ClientMessage {
  readonly tag: string;
  readonly body?: string;
}

type ClientStep =
  | ClientMessage
  /** Reads on until the COPY was granted or refused. */
  | 'wait'
  /** Sent unless the COPY was refused. */
  | { readonly copy: readonly ClientMessage[] };

function encode({ tag, body = '' }: ClientMessage): Uint8Array {
  const bytes = Buffer.from(`${tag}\0\0\0\0${body}`);
  bytes.writeUInt32BE(body.length + 4, 1);
  return bytes;
}

/** How Postgres works through the messages of a session (PostgresMain and CopyGetData), one message at a time. */
class ModelServer {
  readonly inbox: ClientMessage[] = [];
  readonly copyAnswers: ('granted' | 'refused')[] = [];
  #status: 'I' | 'T' | 'E' = 'I';
  #copyFrom: 'query' | 'execute' | undefined;
  #skippingToSync = false;
  #cycleOpen = false;

  /** A reply will come without any further message of the client. */
  get owesReply(): boolean {
    return this.inbox.some(({ tag }) => 'QFS'.includes(tag)) && this.#copyFrom === undefined;
  }

  get state(): SessionState {
    if (this.#copyFrom !== undefined) return 'inCopyIn';
    if (this.#cycleOpen) return 'inQuery';
    return ({ I: 'idle', T: 'inTransaction', E: 'inFailedTransaction' } as const)[this.#status];
  }

  work(): ClientMessage[] {
    const message = this.inbox.shift();
    if (message === undefined) return [];
    if (this.#copyFrom !== undefined) return this.#readCopy(message);
    if (this.#skippingToSync && message.tag !== 'S') {
      if (message.body === 'copyIn') this.copyAnswers.push('refused');
      return [];
    }
    return this.#answer(message);
  }

  #answer({ tag, body = '' }: ClientMessage): ClientMessage[] {
    switch (tag) {
      case 'Q':
      case 'F':
        return this.#run(body, 'query');
      case 'E':
        return this.#run(body, 'execute');
      case 'P':
      case 'B':
      case 'D':
      case 'C':
        this.#cycleOpen = true;
        return body === 'fail' ? this.#fail('execute') : [{ tag: { P: '1', B: '2', D: 'n', C: '3' }[tag] }];
      case 'S':
        return [this.#ready()];
      default:
        return []; // Flush, and COPY messages outside a COPY
    }
  }

  #run(body: string, by: 'query' | 'execute'): ClientMessage[] {
    this.#cycleOpen = true;
    const done = { tag: 'C', body: 'DONE' };
    const rest = (): ClientMessage[] => (by === 'query' ? [this.#ready()] : []);
    switch (body) {
      case 'fail':
        return this.#fail(by);
      case 'begin':
        if (this.#status === 'I') this.#status = 'T';
        return [done, ...rest()];
      case 'commit':
        this.#status = 'I';
        return [done, ...rest()];
      case 'copyOut':
        return [{ tag: 'H', body: 'x' }, { tag: 'd', body: 'row' }, { tag: 'N' }, { tag: 'c' }, done, ...rest()];
      case 'copyIn':
        this.#copyFrom = by;
        this.copyAnswers.push('granted');
        return [
          { tag: 'A', body: 'note' },
          { tag: 'G', body: 'x' },
        ];
      default:
        return [{ tag: 'T', body: 'columns' }, { tag: 'S', body: 'a=b' }, { tag: 'D', body: '1' }, done, ...rest()];
    }
  }

  #readCopy({ tag, body }: ClientMessage): ClientMessage[] {
    const by = this.#copyFrom ?? 'query';
    if (tag === 'd' && body !== 'bad') return [];
    if (tag === 'S' || tag === 'H') return [];
    this.#copyFrom = undefined;
    if (tag !== 'c') return this.#fail(by);
    return by === 'query' ? [{ tag: 'C', body: 'COPY' }, this.#ready()] : [{ tag: 'C', body: 'COPY' }];
  }

  #fail(by: 'query' | 'execute'): ClientMessage[] {
    if (this.#status === 'T') this.#status = 'E';
    const error = { tag: 'E', body: 'SERROR' };
    if (by === 'query') return [error, this.#ready()];
    this.#skippingToSync = true;
    return [error];
  }

  #ready(): ClientMessage {
    this.#skippingToSync = false;
    this.#cycleOpen = false;
    return { tag: 'Z', body: this.#status };
  }
}

const query = fc.constantFrom('select', 'begin', 'commit', 'fail', 'copyOut');
const copyEnd = fc.constantFrom<ClientMessage>({ tag: 'c' }, { tag: 'f' });
const copyData = fc.array(fc.constantFrom<ClientMessage>({ tag: 'd', body: 'row' }, { tag: 'd', body: 'bad' }), {
  maxLength: 3,
});
const extendedParts = fc.array(
  fc.constantFrom<ClientMessage>(
    { tag: 'P', body: 'ok' },
    { tag: 'P', body: 'fail' },
    { tag: 'B' },
    { tag: 'D' },
    { tag: 'E', body: 'select' },
    { tag: 'E', body: 'fail' },
    { tag: 'E', body: 'copyOut' },
    { tag: 'C' },
    { tag: 'H' },
  ),
  { maxLength: 5 },
);

type CopyHabit = 'waits' | 'never waits';

function exchange(habit: CopyHabit): fc.Arbitrary<ClientStep[]> {
  const copy = fc.tuple(copyData, copyEnd).map(([data, end]): ClientStep[] => {
    return habit === 'waits' ? ['wait', { copy: [...data, end] }] : [...data, end];
  });
  const beforeWaiting =
    habit === 'waits'
      ? fc.constantFrom<ClientStep[]>([], [{ tag: 'S' }], [{ tag: 'H' }], [{ tag: 'S' }, { tag: 'S' }])
      : fc.constant<ClientStep[]>([]);
  return fc.oneof(
    query.map((body): ClientStep[] => [{ tag: 'Q', body }]),
    fc.constant<ClientStep[]>([{ tag: 'F', body: 'select' }]),
    extendedParts.map((parts): ClientStep[] => [...parts, { tag: 'S' }]),
    copy.map((steps): ClientStep[] => [{ tag: 'Q', body: 'copyIn' }, ...steps]),
    fc
      .tuple(extendedParts, beforeWaiting, copy)
      .map(([parts, before, steps]): ClientStep[] => [
        ...parts,
        { tag: 'E', body: 'copyIn' },
        ...before,
        ...steps,
        { tag: 'S' },
      ]),
  );
}

/** One session: a client that works through its steps, the server, and the two streams between, which the tracker reads. */
class ModelSession {
  readonly tracker = new SessionTracker();
  readonly server = new ModelServer();
  readonly #steps: ClientStep[];
  readonly #up: number[] = [];
  readonly #down: number[] = [];
  readonly #sent: ClientMessage[] = [];
  readonly #downBorders = new Set([0]);
  #lastReplyEnd = 0;
  #upScanned = 0;
  #downScanned = 0;
  #copyAnswersRead = 0;

  constructor(steps: readonly ClientStep[]) {
    this.#steps = [...steps];
  }

  get atBorder(): boolean {
    return this.#downBorders.has(this.#downScanned);
  }

  get downIsEmpty(): boolean {
    return this.#down.length === this.#downScanned;
  }

  get replyIsUnderWay(): boolean {
    return this.#downScanned < this.#lastReplyEnd;
  }

  /** Nothing is under way and the server waits for the client. */
  get isQuiet(): boolean {
    return this.#up.length === this.#upScanned && this.downIsEmpty && this.server.inbox.length === 0;
  }

  get isOver(): boolean {
    return this.isQuiet && this.#steps.length === 0;
  }

  clientSends(): boolean {
    const [step] = this.#steps;
    if (step === undefined) return false;
    if (step === 'wait' && !(this.server.copyAnswers.length > this.#copyAnswersRead && this.downIsEmpty)) return false;
    this.#steps.shift();
    if (step === 'wait') this.#copyAnswersRead++;
    else if ('copy' in step) {
      if (this.server.copyAnswers[this.#copyAnswersRead - 1] === 'granted')
        step.copy.forEach((part) => this.#send(part));
    } else this.#send(step);
    return true;
  }

  upMoves(amount: number): boolean {
    const chunk = this.#up.slice(this.#upScanned, this.#upScanned + amount);
    expect(this.tracker.fromClient.scan(Uint8Array.from(chunk))).toBe(true);
    this.#upScanned += chunk.length;
    if (this.#upScanned === this.#up.length) this.server.inbox.push(...this.#sent.splice(0));
    return chunk.length > 0;
  }

  serverWorks(): boolean {
    const wasIdle = this.server.inbox.length === 0;
    for (const answer of this.server.work()) {
      this.#down.push(...encode(answer));
      this.#downBorders.add(this.#down.length);
      if (answer.tag === 'Z') this.#lastReplyEnd = this.#down.length;
    }
    return !wasIdle;
  }

  downMoves(amount: number): boolean {
    const chunk = this.#down.slice(this.#downScanned, this.#downScanned + amount);
    expect(this.tracker.fromCompute.scan(Uint8Array.from(chunk))).toBe(true);
    this.#downScanned += chunk.length;
    return chunk.length > 0;
  }

  #send(part: ClientMessage): void {
    this.#up.push(...encode(part));
    this.#sent.push(part);
  }
}

function play(steps: readonly ClientStep[], choices: readonly number[], habit: CopyHabit): void {
  const session = new ModelSession(steps);
  const { tracker, server } = session;
  const moves = [
    () => session.clientSends(),
    (amount: number) => session.upMoves(amount),
    () => session.serverWorks(),
    (amount: number) => session.downMoves(amount),
  ];
  for (let turn = 0; !session.isOver; turn++) {
    const choice = choices[turn % choices.length] ?? 0;
    const moved = [0, 1, 2, 3].some((offset) => moves[(choice + offset) % 4]?.(1 + (choice >>> 2)));
    expect(moved).toBe(true);
    expect(tracker.atComputeBorder).toBe(session.atBorder);
    if (session.isQuiet) {
      if (habit === 'waits') expect(tracker.state()).toBe(server.state);
      expect(isQueryOut(tracker.state())).toBe(isQueryOut(server.state));
    } else if (server.owesReply || session.replyIsUnderWay) {
      expect(isQueryOut(tracker.state())).toBe(true);
    }
  }
  expect([tracker.state(), tracker.repliesExpected]).toEqual([server.state, 0]);
}

describe('the session tracker beside a model of Postgres', () => {
  it.each(['waits', 'never waits'] as const)('agrees on every session whose client %s for CopyInResponse', (habit) => {
    fc.assert(
      fc.property(
        fc.array(exchange(habit), { maxLength: 6 }),
        fc.array(fc.nat(255), { minLength: 1, maxLength: 40 }),
        (session, choices) => play(session.flat(), choices, habit),
      ),
      { numRuns: 400 },
    );
  });
});
