import type { Brand } from './brand.js';

/** Names one client session in logs and in the requests made for it: 8 to 64 characters of `[A-Za-z0-9-]`. */
export type SessionId = Brand<string, 'SessionId'>;

/** Untrusted text to a session id. `undefined` when it has another shape. */
export function parseSessionId(text: string): SessionId | undefined {
  return /^[A-Za-z0-9-]{8,64}$/.test(text) ? (text as SessionId) : undefined;
}
