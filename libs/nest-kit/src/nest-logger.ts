import type { LoggerService } from '@nestjs/common';
import type { Logger } from '@pgwake/telemetry';

/** Nest's own words in our log. Its start-up chatter is for debugging. */
export function nestLogger(log: Logger): LoggerService {
  const say =
    (level: 'debug' | 'warn' | 'error' | 'fatal') =>
    (message: unknown, ...rest: unknown[]) =>
      log[level]({ context: rest.at(-1) }, String(message));
  return {
    log: say('debug'),
    debug: say('debug'),
    verbose: say('debug'),
    warn: say('warn'),
    error: say('error'),
    fatal: say('fatal'),
  };
}
