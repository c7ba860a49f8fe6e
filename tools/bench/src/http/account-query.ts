// What everybody is asked: one row of pgbench's accounts by its key. Several keys, so that an answer that belongs to another
// request is a wrong one.

const keys = 100;

export const accountQuery = 'select aid, bid, abalance, filler from pgbench_accounts where aid = $1';
export const accountKeys: readonly number[] = Array.from({ length: keys }, (_, at) => at + 1);

/** The same for pgbench. */
export const accountScript = `\\set aid random(1, ${keys})\n${accountQuery.replace('$1', ':aid')};\n`;
