// The stories in JDBC (pgjdbc). They are told by a Java program, which the JDK compiles as it starts it.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findJdbcJar, works } from './programs.js';
import { type Driver, type Stage, storyNames } from './stories.js';
import { tellingsOf } from './story-script.js';

const program = fileURLToPath(new URL('JdbcStories.java', import.meta.url));

/** JDBC takes the address from the host name, so Java is told what the endpoint's name stands for. */
function writeHosts({ system, connection, tls }: Stage): string {
  const file = join(system.dataDir, 'hosts');
  writeFileSync(file, ['localhost', tls?.hostName ?? ''].map((name) => `${connection.host} ${name}\n`).join(''));
  return file;
}

export const jdbc: Driver = {
  name: 'JDBC',
  findMissing() {
    // Only a JDK starts a source file.
    if (!works('javac', '-version')) return 'java';
    return findJdbcJar() === undefined ? 'postgresql.jar' : undefined;
  },
  stories: tellingsOf(storyNames, (stage) => [
    'java',
    '-XX:TieredStopAtLevel=1', // short programs start faster
    `-Djdk.net.hosts.file=${writeHosts(stage)}`,
    '-cp',
    findJdbcJar() ?? '',
    program,
  ]),
};
