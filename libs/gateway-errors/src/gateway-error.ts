import { type CatalogueEntry, type ErrorCode, catalogue } from './catalogue.js';
import type { PostgresErrorFields } from './render.js';

export interface GatewayErrorOptions {
  /** Fills `{name}` in the catalogue's text. The client reads these, so pass only what the client itself sent. */
  readonly params?: Readonly<Record<string, string>>;
  /** Postgres' own words about a login or a query, passed on as sent. The client reads these. */
  readonly asSent?: PostgresErrorFields;
  /** For the log only. */
  readonly detail?: string;
  /** For the log only. */
  readonly cause?: unknown;
  /** How long the failing side asked to wait before the next try, in milliseconds. */
  readonly retryAfterMs?: number;
}

/**
 * The one error type that crosses rooms. `message` is exactly the text the client reads, so writing an address, a stack
 * or a library's message into it takes a deliberate act; `detail` and `cause` are for the log.
 */
export class GatewayError extends Error {
  override readonly name = 'GatewayError';
  readonly params: Readonly<Record<string, string>>;
  readonly asSent: PostgresErrorFields | undefined;
  readonly detail: string | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(
    readonly code: ErrorCode,
    options: GatewayErrorOptions = {},
  ) {
    const params = options.params ?? {};
    super(options.asSent?.message ?? fill(catalogue[code].text, params), { cause: options.cause });
    this.params = params;
    this.asSent = options.asSent;
    this.detail = options.detail;
    this.retryAfterMs = options.retryAfterMs;
  }

  get entry(): CatalogueEntry {
    return catalogue[this.code];
  }
}

export function isGatewayError(value: unknown): value is GatewayError {
  return value instanceof GatewayError;
}

function fill(text: string, params: Readonly<Record<string, string>>): string {
  return text.replace(/\{(\w+)\}/g, (_, name: string) => params[name] ?? '');
}
