// Runs a piece of work once for every way its choices can fall, depth first. The choices need not be known beforehand: the
// work asks for them as it comes to them.

export interface Chooser {
  /** One of the options; which one, the enumeration decides. */
  pick<T>(options: readonly T[]): T;
}

/** Returns how many ways there were. */
export async function enumerateChoices(work: (chooser: Chooser) => Promise<void>): Promise<number> {
  let path: { picked: number; of: number }[] = [];
  for (let ways = 1; ; ways++) {
    let depth = 0;
    await work({
      pick(options) {
        const step = path[depth] ?? { picked: 0, of: options.length };
        path[depth] = step;
        depth += 1;
        return options[step.picked] as (typeof options)[number];
      },
    });
    path = path.slice(0, depth);
    for (;;) {
      const last = path.at(-1);
      if (last === undefined) return ways;
      last.picked += 1;
      if (last.picked < last.of) break;
      path.pop();
    }
  }
}
