// Who a request is from and where it is to go, with the proof of it: all that its connection string says. For a string that
// has proved itself this is found again at once, and nothing is left to be parsed, identified or proved but whether the proof
// still counts, which is password-check's to say each time.

import type { EndpointId, RoleName } from '@pgwake/ids';
import { KnownSecrets, type PasswordProof } from '@pgwake/password-check';
import { type ConnectionString, type HeaderLines, headerNames } from '@pgwake/sql-over-http';
import type { PoolKey } from '@pgwake/sql-pool';
import { BriefMemory } from './brief-memory.js';

export interface Caller {
  readonly endpoint: EndpointId;
  readonly role: RoleName;
  readonly database: string;
  /** Further startup parameters of the session. */
  readonly parameters: ConnectionString['parameters'];
  readonly proof: PasswordProof;
  readonly poolKey: PoolKey;
}

export function createCaller(facts: Omit<Caller, 'poolKey'>): Caller {
  const { endpoint, role, database, parameters, proof } = facts;
  // Sessions that began with other parameters are other sessions.
  const credential = JSON.stringify([proof.fingerprint, parameters]);
  return { ...facts, poolKey: { endpoint, role, database, credential } };
}

export class KnownCallers {
  readonly #secrets = new KnownSecrets<Caller>();
  /** The same by the text itself, which spares the hash: most come again within moments. */
  readonly #recent = new BriefMemory<string, Caller>();

  /** By the connection string. Not for a request with a token, which says more than that. */
  find(lines: HeaderLines): Caller | undefined {
    const text = lines[headerNames.connectionString];
    if (typeof text !== 'string' || lines[headerNames.authorization] !== undefined) return undefined;
    const recent = this.#recent.get(text);
    if (recent !== undefined) return recent;
    const caller = this.#secrets.find(text);
    if (caller !== undefined) this.#recent.keep(text, caller);
    return caller;
  }

  /** To be called when the password of this request was proved. */
  remember(lines: HeaderLines, caller: Caller): void {
    const text = lines[headerNames.connectionString];
    if (typeof text !== 'string') return;
    this.#secrets.remember(text, caller);
    this.#recent.keep(text, caller);
  }
}
