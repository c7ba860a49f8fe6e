// The stories in psycopg2, which stands on libpq. They are told by a Python script.

import { fileURLToPath } from 'node:url';
import { findPython } from './programs.js';
import { type Driver, cannotTell, storyNames } from './stories.js';
import { tellingsOf } from './story-script.js';

const script = fileURLToPath(new URL('psycopg2-stories.py', import.meta.url));

export const psycopg2: Driver = {
  name: 'psycopg2',
  findMissing: () => (findPython() === undefined ? 'psycopg2' : undefined),
  stories: {
    ...tellingsOf(
      storyNames.filter((story) => story !== 'pipelines'),
      () => [findPython() ?? 'python3', script],
    ),
    pipelines: cannotTell('it waits for each answer; pgbench pipelines on libpq'),
  },
};
