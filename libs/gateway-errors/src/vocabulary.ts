/** Who has to act on an error. Also a metric label, so the set stays small. */
export const blames = [
  'user',
  'clientGone',
  'rateLimit',
  'quota',
  'control',
  'compute',
  'postgres',
  'gateway',
] as const;
export type Blame = (typeof blames)[number];

/** Severity of the ErrorResponse. FATAL ends the session, as for every error before the relay. */
export type Severity = 'ERROR' | 'FATAL';

/** `info`: somebody else's mistake. `warn`: look at it if it repeats. `error`: an operator must act. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
