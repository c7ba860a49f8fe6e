// Standard output for log lines, several in one write: for each a system call of its own would cost more than making it.
// Warnings and errors go out at once, with all that waits before them, and so does everything when the process exits, by an
// uncaught error too. What can be lost are the last milliseconds before a `kill -9`.

import { type DestinationStream, pino } from 'pino';

/** How long a line may wait for others. */
export const maxDelayMs = 50;
/** About 25 lines. Below what one write of the library takes at most. */
const writeAtBytes = 8 * 1024;

const { warn } = pino.levels.values;
if (warn === undefined) throw new Error('pino does not know the level warn');
const urgentLevel = warn;

export class LogDestination implements DestinationStream {
  /** With this pino says in `lastLevel` how urgent the line is that it writes next. */
  readonly [pino.symbols.needsMetadataGsym] = true;
  lastLevel = 0;
  readonly #output = pino.destination({ dest: 1, sync: true, minLength: writeAtBytes });
  #waiting: NodeJS.Timeout | undefined;

  constructor() {
    process.on('exit', () => this.#flush());
  }

  write(line: string): void {
    this.#output.write(line);
    this.#waiting ??= setTimeout(() => this.#flush(), maxDelayMs).unref();
    if (this.lastLevel >= urgentLevel) this.#flush();
  }

  #flush(): void {
    if (this.#waiting === undefined) return;
    clearTimeout(this.#waiting);
    this.#waiting = undefined;
    this.#output.flush();
  }
}
