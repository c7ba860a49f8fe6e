// A postmaster writes its log to a file: a pipe would be lost, and block it, when we are killed.

import { closeSync, fstatSync, openSync, readSync, renameSync, statSync } from 'node:fs';

const rotateAtBytes = 16 * 1024 * 1024;
const tailBytes = 2048;
const tailLines = 6;

/** Opens the log for one start. A large one is set aside first, replacing the one before, so disk use stays bounded. */
export function openLog(file: string): { fd: number; startOffset: number } {
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) > rotateAtBytes) renameSync(file, `${file}.1`);
  const fd = openSync(file, 'a', 0o600);
  return { fd, startOffset: fstatSync(fd).size };
}

/** The last lines written since `startOffset`, without the timestamps; empty when there is nothing to read. */
export function readLogTail(file: string, startOffset: number): string {
  let fd: number;
  try {
    fd = openSync(file, 'r');
  } catch {
    return '';
  }
  try {
    const from = Math.max(startOffset, fstatSync(fd).size - tailBytes);
    const buffer = Buffer.alloc(tailBytes);
    const length = readSync(fd, buffer, 0, tailBytes, from);
    const lines = buffer.toString('utf8', 0, length).split('\n');
    return lines
      .filter((line) => line.trim() !== '')
      .slice(-tailLines)
      .map((line) => line.replace(/^[\d-]+ [\d:.]+ \w+ \[\d+\] /, ''))
      .join(' | ');
  } finally {
    closeSync(fd);
  }
}
