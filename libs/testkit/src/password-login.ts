// Both ends of a SCRAM login with one password: what Postgres keeps, and what a gateway logs in with.

import { type ScramKeys, checkPassword, deriveVerifier, parseVerifier } from '@pgwake/client-auth';

export interface PasswordLogin {
  readonly verifier: string;
  readonly keys: ScramKeys;
}

/** With a single iteration, since nobody attacks the passwords of tests. */
export async function makePasswordLogin(password: string): Promise<PasswordLogin> {
  const verifier = await deriveVerifier(password, { iterations: 1 });
  const parsed = parseVerifier(verifier);
  const keys = parsed && (await checkPassword(password, parsed));
  if (keys === undefined) throw new Error('the password does not fit its own verifier');
  return { verifier, keys };
}
