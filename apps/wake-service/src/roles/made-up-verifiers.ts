// The verifiers of roles and endpoints that do not exist. One is asked for at every login, also where it will not be needed,
// and made while other answers are on their way: a login that had to wait for it would tell that its role is made up.

import { formatVerifier, makeMockVerifier } from '@pgwake/client-auth';
import type { EndpointId, RoleName } from '@pgwake/ids';

/** About 3 MB. Making one takes three HMACs; whoever logs in mostly comes again. */
const defaultMaxRemembered = 10_000;

export class MadeUpVerifiers {
  readonly #made = new Map<string, string>();

  /** All instances have the same secret, so that they make up the same. */
  constructor(
    private readonly secret: Uint8Array,
    private readonly maxRemembered = defaultMaxRemembered,
  ) {}

  /** In the form of pg_authid.rolpassword; the same each time. */
  of(endpoint: EndpointId, role: RoleName): string {
    const key = `${endpoint}/${role}`;
    const known = this.#made.get(key);
    if (known !== undefined) return known;
    const made = formatVerifier(makeMockVerifier(this.secret, endpoint, role));
    if (this.#made.size >= this.maxRemembered) this.#forgetOldest();
    this.#made.set(key, made);
    return made;
  }

  get size(): number {
    return this.#made.size;
  }

  /** It is made again, the same, should anybody ask. */
  #forgetOldest(): void {
    const [oldest] = this.#made.keys();
    if (oldest !== undefined) this.#made.delete(oldest);
  }
}
