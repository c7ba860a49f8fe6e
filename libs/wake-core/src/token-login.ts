import type { TokenRule } from '@pgwake/wake-api';

/** How clients of a role log in with tokens. The keys are as secret as a password: they never go into a log. */
export interface TokenLogin {
  readonly rule: TokenRule;
  /** Of a password that nobody knows. They fit the role's verifier until somebody sets another password. */
  readonly clientKey: Uint8Array;
  readonly serverKey: Uint8Array;
}
