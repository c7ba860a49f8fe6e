// Some megabytes of rows that both sides can make for themselves, so that a hash says whether COPY changed a byte.

import { createHash } from 'node:crypto';

export const copyRows = 100_000;

const lineOf = (n: number): string => `${n}\t${createHash('md5').update(String(n)).digest('hex')}\n`;

/** What `copy copied from stdin` takes. */
export function makeCopyLines(): string {
  return Array.from({ length: copyRows }, (_, n) => lineOf(n + 1)).join('');
}

export const createCopied = 'drop table if exists copied; create table copied (n int, word text)';
/** Gives the lines of {@link makeCopyLines}. */
export const copyOutOfNothing = `copy (select n, md5(n::text) from generate_series(1, ${copyRows}) n) to stdout`;
/** One row with one `hash`: that of the lines in the table. */
export const hashOfCopied = "select md5(string_agg(format(E'%s\\t%s\\n', n, word), '' order by n)) as hash from copied";

export function hashOf(text: string | Buffer): string {
  return createHash('md5').update(text).digest('hex');
}
