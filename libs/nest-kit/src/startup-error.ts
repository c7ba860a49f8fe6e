/**
 * Why an app cannot start, in one sentence an operator can act on. {@link runApp} prints the message alone, without a
 * stack.
 */
export class StartupError extends Error {
  override readonly name = 'StartupError';
}
