import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { progress } from './console.ts';

/** Shows the log lines of a service that are meant for people: those with a `progress` key, written after this was made. */
export class ProgressTail {
  readonly #file: string;
  #position: number;

  constructor(file: string) {
    this.#file = file;
    this.#position = sizeOf(file);
  }

  print(): void {
    const text = this.#readOn();
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    this.#position += Buffer.byteLength(whole);
    for (const line of whole.split('\n')) {
      const message = progressOf(line);
      if (message !== undefined) progress(message);
    }
  }

  #readOn(): string {
    const file = openSync(this.#file, 'r');
    try {
      const buffer = Buffer.alloc(Math.max(0, fstatSync(file).size - this.#position));
      return buffer.toString('utf8', 0, readSync(file, buffer, 0, buffer.length, this.#position));
    } finally {
      closeSync(file);
    }
  }
}

function sizeOf(file: string): number {
  const handle = openSync(file, 'a');
  try {
    return fstatSync(handle).size;
  } finally {
    closeSync(handle);
  }
}

function progressOf(line: string): string | undefined {
  if (!line.includes('"progress"')) return undefined;
  try {
    const { progress: text } = JSON.parse(line) as { progress?: unknown };
    return typeof text === 'string' ? text : undefined;
  } catch {
    return undefined;
  }
}
