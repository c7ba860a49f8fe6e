// A driver of another language tells its stories in one run of a script per stage: the names of the stories are its
// arguments, the environment says how to connect (as libpq reads it), and for each story it writes one line of JSON.

import { waitFor } from '@pgwake/testkit';
import { type Running, libpqEnvironment, startProgram } from './programs.js';
import type { Stage, Story, Telling } from './stories.js';

interface Told {
  readonly story: Story;
  /** What went wrong, with where. */
  readonly error?: string;
}

const storyLimitMs = 60_000;

/** The tellings of `stories`, which the script is to tell in this order. */
export function tellingsOf<S extends Story>(
  stories: readonly S[],
  findProgram: (stage: Stage) => readonly [program: string, ...args: string[]],
): Readonly<Record<S, Telling>> {
  const runs = new Map<Stage, Running>();
  const runOn = (stage: Stage): Running => {
    const found = runs.get(stage);
    if (found !== undefined) return found;
    const [program, ...args] = findProgram(stage);
    const run = startProgram(program, [...args, ...stories], libpqEnvironment(stage));
    runs.set(stage, run);
    return run;
  };
  const telling =
    (story: S): Telling =>
    async (stage) => {
      const told = await readLine(runOn(stage), story);
      if (told.error !== undefined) throw new Error(told.error);
    };
  return Object.fromEntries(stories.map((story) => [story, telling(story)])) as Record<S, Telling>;
}

async function readLine({ said, finished }: Running, story: Story): Promise<Told> {
  let over = false;
  const end = finished.finally(() => (over = true));
  const find = (): Told | undefined =>
    said()
      .split('\n')
      .slice(0, -1) // the last one is not complete
      .map((line) => JSON.parse(line) as Told)
      .find((told) => told.story === story);
  await waitFor(() => over || find() !== undefined, storyLimitMs);
  const told = find();
  if (told !== undefined) return told;
  const { status, stderr } = await end;
  throw new Error(`the script ended with ${status}: ${stderr}`);
}
