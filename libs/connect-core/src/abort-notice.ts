/** What of an AbortSignal is used where each request has one: whoever has something cheaper may pass that. */
export interface AbortNotice {
  readonly aborted: boolean;
  readonly reason: unknown;
  /** `listener` is called once, if it is not aborted already. */
  addEventListener(type: 'abort', listener: () => void, options: { readonly once: true }): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}
