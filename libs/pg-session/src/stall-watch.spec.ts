import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { StallWatch, type TakingClient } from './stall-watch.js';

const timeoutMs = 1_000;

/** A client as a watch sees it. */
class Client implements TakingClient {
  readonly outgoing = this;
  bytesWritten = 0;
  writableLength = 0;
  stalls = 0;

  onStall(): void {
    this.stalls += 1;
  }

  write(bytes: number): void {
    this.bytesWritten += bytes;
    this.writableLength += bytes;
  }
  send(bytes: number): void {
    this.writableLength -= bytes;
  }
}

let client: Client;

beforeEach(() => {
  jest.useFakeTimers();
  client = new Client();
});
afterEach(() => {
  jest.useRealTimers();
});

describe('a stall', () => {
  it('is told once, when nothing was taken for the time', () => {
    new StallWatch(timeoutMs).watch(client);
    client.write(100);
    jest.advanceTimersByTime(timeoutMs);
    expect(client.stalls).toBe(0);
    jest.advanceTimersByTime(timeoutMs / 4);
    expect(client.stalls).toBe(1);
    jest.advanceTimersByTime(10 * timeoutMs);
    expect(client.stalls).toBe(1);
  });

  it('is told of a client that stops in the middle of its life', () => {
    new StallWatch(timeoutMs).watch(client);
    for (let round = 0; round < 20; round += 1) {
      client.write(100);
      client.send(90);
      jest.advanceTimersByTime(timeoutMs / 2);
    }
    expect(client.stalls).toBe(0);
    jest.advanceTimersByTime(timeoutMs * 1.25);
    expect(client.stalls).toBe(1);
  });
});

describe('no stall', () => {
  it.each([
    ['nothing is there to take, as during a slow query', () => undefined],
    [
      'everything is taken at once',
      () => {
        client.write(100);
        client.send(100);
      },
    ],
    [
      'as much waits as before, but it is something else',
      () => {
        client.write(100);
        client.send(client.writableLength - 50);
      },
    ],
  ])('is told while %s', (_what, act: () => void) => {
    new StallWatch(timeoutMs).watch(client);
    for (let round = 0; round < 20; round += 1) {
      act();
      jest.advanceTimersByTime(timeoutMs / 4);
    }
    expect(client.stalls).toBe(0);
  });

  it('is told after the end of the session, nor where the time is 0', () => {
    const watch = new StallWatch(timeoutMs);
    watch.watch(client);
    new StallWatch(0).watch(client);
    client.write(100);
    watch.forget(client);
    jest.advanceTimersByTime(10 * timeoutMs);
    expect(client.stalls).toBe(0);
  });
});

describe('the timer', () => {
  it('is one for all, and none for nobody', () => {
    const watch = new StallWatch(timeoutMs);
    expect(jest.getTimerCount()).toBe(0);
    const clients = Array.from({ length: 100 }, () => new Client());
    for (const each of clients) watch.watch(each);
    expect(jest.getTimerCount()).toBe(1);
    for (const each of clients) watch.forget(each);
    expect(jest.getTimerCount()).toBe(0);
  });
});
