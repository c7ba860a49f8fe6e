import { EventEmitter } from 'node:events';
import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { EndpointId, RoleName, SessionId } from '@pgwake/ids';
import {
  type Answer,
  type Question,
  type QuestionCall,
  QuestionStream,
  type StreamReply,
  maxQuestionsOut,
} from './question-stream.js';

/** What gRPC would do, done by the test. */
class FakeCall extends EventEmitter {
  readonly questions: Question[] = [];
  halfClosed = false;
  cancelled = false;

  write(question: Question): boolean {
    this.questions.push(question);
    return true;
  }
  end(): this {
    this.halfClosed = true;
    return this;
  }
  cancel(): void {
    this.cancelled = true;
  }
  confirm(): void {
    this.emit('metadata');
  }
  answer(answer: Answer): void {
    this.emit('data', answer);
  }
  finish(): void {
    this.emit('status', { code: status.OK });
  }
}

const request = { endpoint: 'demo' as EndpointId, role: 'app' as RoleName, sessionId: 'session-0001' as SessionId };
const never = new AbortController().signal;
const timeoutMs = 1_000;

let call: FakeCall;
let stream: QuestionStream;
let ends: boolean[];

beforeEach(() => {
  jest.useFakeTimers();
  call = new FakeCall();
  ends = [];
  stream = new QuestionStream(call as unknown as QuestionCall, (wasConfirmed) => ends.push(wasConfirmed));
});
afterEach(() => void jest.useRealTimers());

function ask(signal = never): Promise<StreamReply> {
  const reply = stream.ask(request, timeoutMs, signal);
  if (reply === undefined) throw new Error('the question was not taken');
  return reply;
}

const isTaken = () => stream.ask(request, timeoutMs, never) !== undefined;

it('takes questions from its confirmation to its end', () => {
  expect(isTaken()).toBe(false);
  call.confirm();
  expect(isTaken()).toBe(true);
  call.finish();
  expect(isTaken()).toBe(false);
  expect(ends).toEqual([true]);
});

it('gives each question its own answer, in whatever order they come', async () => {
  call.confirm();
  const replies = [ask(), ask(), ask()];
  const [first, second, third] = call.questions.map(({ id }) => id) as [number, number, number];
  call.answer({ id: third, access: 'of the third' });
  call.answer({ id: first, access: 'of the first' });
  call.answer({ id: second, failure: { code: status.UNAVAILABLE, message: 'no catalog' } });
  expect(await Promise.all(replies)).toEqual([
    { kind: 'answer', response: 'of the first' },
    { kind: 'failure', code: status.UNAVAILABLE, details: 'no catalog' },
    { kind: 'answer', response: 'of the third' },
  ]);
});

it('never takes the answer for somebody who left for that of the next one in the same place', async () => {
  call.confirm();
  const leave = new AbortController();
  const left = ask(leave.signal);
  const [question] = call.questions;
  leave.abort(new Error('the client left'));
  await expect(left).rejects.toThrow('the client left');

  const others = Array.from({ length: maxQuestionsOut }, () => ask());
  const neighbour = call.questions.at(-1);
  expect((neighbour?.id ?? 0) % maxQuestionsOut).toBe((question?.id ?? 0) % maxQuestionsOut);
  call.answer({ id: question?.id ?? 0, access: 'of the one who left' });
  call.answer({ id: neighbour?.id ?? 0, access: 'of the neighbour' });
  expect(await others.at(-1)).toEqual({ kind: 'answer', response: 'of the neighbour' });
});

it('takes no more questions than it has places, and one that is slow keeps no other place', () => {
  call.confirm();
  for (let taken = 0; taken < maxQuestionsOut; taken++) void ask();
  expect(isTaken()).toBe(false);
  for (const { id } of call.questions.slice(2)) call.answer({ id, access: 'v' });
  const taken = Array.from({ length: maxQuestionsOut }, isTaken);
  expect(taken.filter((is) => !is)).toHaveLength(2);
});

it('tells everybody who waits when it ends', async () => {
  call.confirm();
  const replies = [ask(), ask()];
  call.finish();
  expect(await Promise.all(replies)).toEqual([{ kind: 'streamEnded' }, { kind: 'streamEnded' }]);
  expect(jest.getTimerCount()).toBe(0);
});

describe('a question without an answer in time', () => {
  const tooLate = { kind: 'failure', code: status.DEADLINE_EXCEEDED };

  it('ends the stream if nothing else was answered either', async () => {
    call.confirm();
    const reply = ask();
    jest.advanceTimersByTime(timeoutMs - 1);
    expect(call.cancelled).toBe(false);
    jest.advanceTimersByTime(1);
    expect(await reply).toMatchObject(tooLate);
    expect(call.cancelled).toBe(true);
  });

  it('leaves a stream alone that answers others', async () => {
    call.confirm();
    const reply = ask();
    const other = ask();
    call.answer({ id: call.questions[1]?.id ?? 0, access: 'v' });
    await other;
    jest.advanceTimersByTime(timeoutMs);
    expect(await reply).toMatchObject(tooLate);
    expect(call.cancelled).toBe(false);
  });
});

describe('closing', () => {
  it('lets those be answered who wait', async () => {
    call.confirm();
    const reply = ask();
    stream.close();
    expect(call).toMatchObject({ halfClosed: true, cancelled: false });
    expect(isTaken()).toBe(false);
    call.answer({ id: call.questions[0]?.id ?? 0, access: 'v' });
    expect(await reply).toEqual({ kind: 'answer', response: 'v' });
  });

  it('gives up a stream that nobody confirmed, whatever comes after', () => {
    stream.close();
    expect(call.cancelled).toBe(true);
    call.confirm();
    expect(isTaken()).toBe(false);
  });
});
