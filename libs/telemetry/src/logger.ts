// One JSON line per event on standard output, with the glossary's words as keys (docs/glossary.md): app, endpoint,
// generation, sessionId, role, code, blame, detail. Never a password, a verifier, a key or SQL text: those are cut out by
// name as a second line of defence, the first being not to pass them here.

import { type GatewayError, isGatewayError } from '@pgwake/gateway-errors';
import { type Logger as PinoLogger, pino } from 'pino';
import { cutSecrets } from './cut-secrets.js';
import { LogDestination } from './log-destination.js';

export type Logger = PinoLogger;

export interface LoggerOptions {
  readonly app: string;
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent';
}

/** One for the process; see {@link LogDestination} for when its lines are written. */
export function createLogger({ app, level }: LoggerOptions): Logger {
  return pino(
    {
      level,
      base: { app },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: cutSecrets },
    },
    new LogDestination(),
  );
}

/** What a log line says about an error: the catalogue's code and blame, and what the client never reads. */
export function errorKeys(error: unknown): Record<string, unknown> {
  if (isGatewayError(error)) return gatewayErrorKeys(error);
  return {
    code: 'INTERNAL',
    blame: 'gateway',
    detail: describe(error),
    stack: error instanceof Error ? error.stack : undefined,
  };
}

function gatewayErrorKeys(error: GatewayError): Record<string, unknown> {
  return {
    code: error.code,
    blame: error.entry.blame,
    ...(error.detail === undefined ? {} : { detail: error.detail }),
    ...(error.cause === undefined ? {} : { cause: describe(error.cause) }),
  };
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : `; caused by ${describe(error.cause)}`;
  return `${error.name}: ${error.message}${cause}`;
}
