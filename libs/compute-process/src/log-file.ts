// A postmaster writes its log to a file: a pipe would be lost, and block it, when we are killed.

import { closeSync, fstatSync, openSync, readSync, renameSync, statSync } from 'node:fs';

const rotateAtBytes = 16 * 1024 * 1024;
const tailBytes = 4096;
const tailLines = 6;

/** Opens the log for one start. A large one is set aside first, replacing the one before, so disk use stays bounded. */
export function openLog(file: string): { fd: number; startOffset: number } {
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) > rotateAtBytes) renameSync(file, `${file}.1`);
  const fd = openSync(file, 'a', 0o600);
  return { fd, startOffset: fstatSync(fd).size };
}

/** What an ended start wrote since `startOffset`. No client was let in yet, so no SQL can be among it. */
export function readStartWords(file: string, startOffset: number): string {
  return joinWords(readTail(file, startOffset).filter((line) => /\b(?:LOG|DETAIL|HINT|FATAL|PANIC): /.test(line)));
}

/**
 * The last lines a postmaster itself wrote. Those of backends, and its own DETAIL about a crashed one, may quote SQL, which
 * must not travel into another log.
 */
export function readLastWords(file: string, pid: number): string {
  const own = new RegExp(`\\[${pid}\\] (?:LOG|HINT|FATAL|PANIC): `);
  return joinWords(readTail(file, 0).filter((line) => own.test(line)));
}

function joinWords(lines: readonly string[]): string {
  return lines
    .slice(-tailLines)
    .map((line) => line.replace(/^[\d-]+ [\d:.]+ \w+ \[\d+\] /, ''))
    .join(' | ');
}

function readTail(file: string, startOffset: number): string[] {
  let fd: number;
  try {
    fd = openSync(file, 'r');
  } catch {
    return [];
  }
  try {
    const from = Math.max(startOffset, fstatSync(fd).size - tailBytes);
    const buffer = Buffer.alloc(tailBytes);
    const length = readSync(fd, buffer, 0, tailBytes, from);
    return buffer.toString('utf8', 0, length).split('\n');
  } finally {
    closeSync(fd);
  }
}
