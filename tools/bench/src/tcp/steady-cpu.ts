// CPU of a process while pgbench works through it, from the first second to the last that pgbench reports. Its logins come
// before that and are left out: one costs as much as a hundred transactions, so in a short run with many clients they would be
// a good part of the figure.

/** `progress: 1.0 s, 15031.9 tps, lat 0.532 ms stddev 0.101, 0 failed`, once for each second with `-P 1`. */
const progressLine = /^progress: ([\d.]+) s, ([\d.]+) tps/;

interface Mark {
  readonly atSeconds: number;
  readonly cpuSeconds: number;
}

export class SteadyCpu {
  readonly #readCpuSeconds: () => number;
  #rest = '';
  #first: Mark | undefined;
  #last: Mark | undefined;
  #transactions = 0;

  constructor(readCpuSeconds: () => number) {
    this.#readCpuSeconds = readCpuSeconds;
  }

  /** What pgbench says on stderr, at once and cut anywhere. */
  take(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#takeLine(line);
  }

  /** Undefined for a run of less than two seconds. */
  get usPerTransaction(): number | undefined {
    if (this.#first === undefined || this.#last === undefined || this.#transactions === 0) return undefined;
    return ((this.#last.cpuSeconds - this.#first.cpuSeconds) * 1e6) / this.#transactions;
  }

  #takeLine(line: string): void {
    const found = progressLine.exec(line);
    if (found === null) return;
    const mark = { atSeconds: Number(found[1]), cpuSeconds: this.#readCpuSeconds() };
    const before = this.#last ?? this.#first;
    if (before === undefined) {
      this.#first = mark;
      return;
    }
    this.#transactions += Number(found[2]) * (mark.atSeconds - before.atSeconds);
    this.#last = mark;
  }
}
