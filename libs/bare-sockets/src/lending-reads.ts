// Reads of a socket that go into the same buffer again and again, where Node would make a new one for each. Whoever takes
// them is lent the bytes until it returns, or keeps them; then that buffer is its own and the next read gets another.
//
// A buffer that may be given away is never shared by two sockets: libuv remembers for each socket where it reads to, so it would be
// overwritten through the other. Instead it is small, since most sockets are idle most of the time; as long as reads fill it there
// is a large one in its place. Until the first bytes are lent that somebody might keep, all sockets read into one buffer, of which
// everything is copied before the call returns.

import type { OnReadOpts, Socket } from 'node:net';

export interface Borrower {
  /** Whether it copies all that it is lent, for now, and keeps none of it: then it may be lent what others are lent as well. */
  readonly copies?: boolean;
  /**
   * For the length of the call the bytes are lent. `kept`: they are the borrower's from now on. `full`: returned, and nothing more
   * until the socket's stream is read; for one who copies.
   */
  takeLent(bytes: Buffer): 'returned' | 'kept' | 'full';
}

const smallBytes = 1024;
const largeBytes = 64 * 1024;
/** Nobody keeps it: libuv reads and tells in one go, so a socket needs it for no longer than the call. */
const shared = makeBuffer(largeBytes);
/** Large buffers that nobody uses at the moment. A few are enough: more than that is rarely in the middle of a COPY at once. */
const spareLarge: Buffer[] = [];
const maxSpareLarge = 16;

/**
 * Make the socket with `onread`, then `bind` it. Until `lend` is called it reads as any other socket: 'data' events, whose
 * chunks are the listener's. Pause the socket before.
 */
export class LendingReads {
  readonly onread: OnReadOpts = {
    buffer: () => this.#buffer,
    callback: (length) => this.#take(length),
  };
  #buffer = shared;
  /** Of the last read. Messages repeat, and so do their lengths: making a view costs as much as reading headers. */
  #view = shared;
  #socket: Socket | undefined;
  #borrower: Borrower | undefined;

  bind(socket: Socket): void {
    this.#socket = socket;
  }

  /** From the next read on, in place of 'data'. What the socket holds already still comes as 'data', and before it. */
  lend(borrower: Borrower): void {
    this.#borrower = borrower;
  }

  /** `false` stops the reading until the socket is resumed. Node asks for the buffer of the next read right afterwards. */
  #take(length: number): boolean {
    const borrower = this.#borrower;
    if (borrower === undefined) return this.#socket?.push(Buffer.from(shared.subarray(0, length))) ?? false;
    if (this.#buffer === shared) return this.#takeShared(borrower, shared.subarray(0, length));
    if (this.#view.length !== length) this.#view = this.#buffer.subarray(0, length);
    const kept = borrower.takeLent(this.#view) === 'kept';
    if (kept || this.#isUnfit(length)) this.#change(length, kept);
    return true;
  }

  #takeShared(borrower: Borrower, bytes: Buffer): boolean {
    if (borrower.copies === true) return borrower.takeLent(bytes) !== 'full';
    borrower.takeLent(Buffer.from(bytes));
    this.#change(bytes.length, true);
    return true;
  }

  #isUnfit(length: number): boolean {
    const { length: room } = this.#buffer;
    return room === largeBytes ? length < smallBytes : length === room;
  }

  #change(length: number, kept: boolean): void {
    const old = this.#buffer;
    this.#buffer = length < smallBytes ? makeBuffer(smallBytes) : (spareLarge.pop() ?? makeBuffer(largeBytes));
    this.#view = this.#buffer;
    if (!kept && old.length === largeBytes && spareLarge.length < maxSpareLarge) spareLarge.push(old);
  }
}

/** Memory of its own: a part of Node's pool would keep the rest of it alive. */
function makeBuffer(length: number): Buffer {
  return Buffer.allocUnsafeSlow(length);
}
