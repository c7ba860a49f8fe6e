// What a parser of untrusted bytes answers. Nothing in this library throws for what a peer sent.

/** The peer broke the protocol. `what` is safe to show to it and fits behind "protocol violation: ". */
export interface Violation {
  readonly kind: 'violation';
  readonly what: string;
  /** What Postgres itself would answer: mostly 08P01. */
  readonly sqlState: string;
}

/** Of bytes that may still be arriving. `incomplete`: call again with the same bytes and more behind them. */
export type Parsed<T> =
  | { readonly kind: 'value'; readonly value: T; readonly consumed: number }
  | { readonly kind: 'incomplete' }
  | Violation;

/** Of the body of a message that has arrived whole. */
export type Decoded<T> = { readonly kind: 'value'; readonly value: T } | Violation;

export function violation(what: string, sqlState = '08P01'): Violation {
  return { kind: 'violation', what, sqlState };
}

export function decoded<T>(value: T): Decoded<T> {
  return { kind: 'value', value };
}
