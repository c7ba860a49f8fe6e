// NextRead for many subjects that have nothing to do with each other: one read of each at a time, none waits for another.
// A subject is remembered only while somebody asks about it.

import { NextRead } from './next-read.js';

interface Subject<Key, Value> {
  readonly read: NextRead<Key, Value>;
  askers: number;
}

export class NextReadOfEach<Key, Value> {
  readonly #subjects = new Map<Key, Subject<Key, Value>>();

  /** Answers from a read that began after the question; all reads of a key are alike. Rejects when that read does. */
  async ask(key: Key, read: () => Promise<Value>): Promise<Value | undefined> {
    const subject = this.#subjects.get(key) ?? {
      read: new NextRead(async () => new Map([[key, await read()]])),
      askers: 0,
    };
    this.#subjects.set(key, subject);
    subject.askers += 1;
    try {
      return await subject.read.ask(key);
    } finally {
      subject.askers -= 1;
      if (subject.askers === 0) this.#subjects.delete(key);
    }
  }

  get size(): number {
    return this.#subjects.size;
  }
}
