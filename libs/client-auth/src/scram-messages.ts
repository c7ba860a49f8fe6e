// The four messages of SCRAM (RFC 5802, section 7), read as Postgres reads them: by order, every attribute in its
// place. Texts are "byte strings" (latin1), so that signing them again signs exactly what was received.

import { decodeBase64, keyBytes } from './scram-crypto.js';

/** The peer broke the rules of SCRAM. `what` is safe to show to it. */
export interface ScramViolation {
  readonly kind: 'violation';
  readonly what: string;
  /** Where Postgres has one of its own for this, and `what` is in its words. */
  readonly sqlState?: string;
}

export function violation(what: string, sqlState?: string): ScramViolation {
  return sqlState === undefined ? { kind: 'violation', what } : { kind: 'violation', what, sqlState };
}

export interface ClientFirst {
  readonly kind: 'clientFirst';
  /**
   * What the client says of channel binding: it does not want it (`n`), it would but thinks that the server does not
   * offer it (`y`), or it does, of the kind that is named.
   */
  readonly binding: 'n' | 'y' | { readonly name: string };
  /** The beginning up to the second comma: client-final has to repeat it. */
  readonly gs2Header: string;
  /** The rest, which is signed. */
  readonly bare: string;
  readonly nonce: string;
}

export interface ClientFinal {
  readonly kind: 'clientFinal';
  readonly channelBinding: string;
  readonly nonce: string;
  readonly withoutProof: string;
  readonly proof: Uint8Array;
}

export interface ServerFirst {
  readonly kind: 'serverFirst';
  readonly nonce: string;
  readonly salt: Uint8Array;
  readonly iterations: number;
}

/** PG_MAX_SASL_MESSAGE_LENGTH. */
const maxMessageBytes = 1024;
const malformed = violation('malformed SCRAM message');

export function toBytes(text: string): Uint8Array {
  return Buffer.from(text, 'latin1');
}

/** The comma separated parts of a message; `undefined` for one that no honest peer sends. */
function splitMessage(bytes: Uint8Array): string[] | undefined {
  if (bytes.length === 0 || bytes.length > maxMessageBytes || bytes.includes(0)) return undefined;
  return Buffer.from(bytes).toString('latin1').split(',');
}

function valueOf(name: string, part: string | undefined): string | undefined {
  return part?.startsWith(`${name}=`) ? part.slice(2) : undefined;
}

function areExtensions(parts: readonly string[]): boolean {
  return parts.every((part) => /^[A-Za-z]=/.test(part));
}

function isNonce(value: string | undefined): value is string {
  return value !== undefined && /^[\x21-\x7e]+$/.test(value);
}

/** The user name in it is ignored, as in Postgres: the startup packet says who logs in. */
export function parseClientFirst(bytes: Uint8Array): ClientFirst | ScramViolation {
  const [flag, authzid, ...bareParts] = splitMessage(bytes) ?? [];
  const binding = flag?.startsWith('p=') ? { name: flag.slice(2) } : flag;
  if (typeof binding !== 'object' && binding !== 'n' && binding !== 'y') return malformed;
  if (authzid?.startsWith('a=')) return violation('an authorization identity is not supported');
  if (authzid !== '') return malformed;

  const [user, nonceText, ...extensions] = bareParts;
  if (user?.startsWith('m=')) return violation('client requires an unsupported SCRAM extension');
  const nonce = valueOf('r', nonceText);
  if (valueOf('n', user) === undefined || !isNonce(nonce) || !areExtensions(extensions)) return malformed;
  return { kind: 'clientFirst', binding, gs2Header: `${flag},,`, bare: bareParts.join(','), nonce };
}

export function parseClientFinal(bytes: Uint8Array): ClientFinal | ScramViolation {
  const parts = splitMessage(bytes) ?? [];
  const signedParts = parts.slice(0, -1);
  const [bindingText, nonceText, ...extensions] = signedParts;
  const channelBinding = valueOf('c', bindingText);
  const nonce = valueOf('r', nonceText);
  const proof = decodeBase64(valueOf('p', parts.at(-1)) ?? '');
  if (channelBinding === undefined || !isNonce(nonce) || !areExtensions(extensions)) return malformed;
  if (proof?.length !== keyBytes) return violation('malformed proof in SCRAM message');
  return { kind: 'clientFinal', channelBinding, nonce, withoutProof: signedParts.join(','), proof };
}

export function parseServerFirst(bytes: Uint8Array): ServerFirst | ScramViolation {
  const [nonceText, saltText, iterationsText, ...extensions] = splitMessage(bytes) ?? [];
  const nonce = valueOf('r', nonceText);
  const salt = decodeBase64(valueOf('s', saltText) ?? '');
  const iterations = valueOf('i', iterationsText) ?? '';
  if (!isNonce(nonce) || !salt?.length || !/^[1-9][0-9]{0,9}$/.test(iterations) || !areExtensions(extensions)) {
    return malformed;
  }
  return { kind: 'serverFirst', nonce, salt, iterations: Number(iterations) };
}

/** The server's signature; `undefined` when it sent something else, such as `e=<error>`. */
export function parseServerFinal(bytes: Uint8Array): Uint8Array | undefined {
  const [signatureText, ...extensions] = splitMessage(bytes) ?? [];
  const signature = valueOf('v', signatureText);
  return signature !== undefined && areExtensions(extensions) ? decodeBase64(signature) : undefined;
}
