// Proves that the client knows the password of the role it names, while the compute may sleep. It never learns the
// password, except where the client cannot name its endpoint in another way, or where it is configured to be asked for in
// clear text: then it goes to who proves such passwords, and is forgotten.
// An unknown endpoint, an unknown role and a wrong password give the same bytes; only from outside the networks that an
// endpoint allows can it be told that it has such a list.

import {
  type EndpointClaim,
  type EndpointPassword,
  type ScramKeys,
  type ScramVerifier,
  type ScramViolation,
  createScramServer,
  identify,
  offerMechanisms,
  parseEndpointPassword,
  parseVerifier,
} from '@pgwake/client-auth';
import { GatewayError, isGatewayError } from '@pgwake/gateway-errors';
import { type EndpointId, type RoleName, type SessionId, parseRoleName } from '@pgwake/ids';
import { isAllowedBy } from '@pgwake/ip-networks';
import type { Visit } from '@pgwake/limits';
import {
  type StartupParameters,
  encodeAuthenticationCleartextPassword,
  encodeAuthenticationOk,
  encodeAuthenticationSasl,
  encodeAuthenticationSaslContinue,
  encodeAuthenticationSaslFinal,
  parsePasswordMessage,
  parseSaslInitialResponse,
} from '@pgwake/pg-wire';
import type { EndpointAccess, EndpointAccessRequest } from '@pgwake/wake-api';
import { joinSignals } from './join-signals.js';
import { parseLoginMessage, protocolError, unwrap } from './login-message.js';
import type { Client } from './negotiate.js';

/** Who may log in is wake-service's to say. Rejects with a GatewayError. */
export interface AccessPort {
  getEndpointAccess(request: EndpointAccessRequest, signal: AbortSignal): Promise<EndpointAccess>;
}

/** Proves passwords that came in clear text. What it remembers of them, and what it spends on whom, is its own to say. */
export interface PasswordPort {
  /**
   * Rejects with a GatewayError, which is PASSWORD_FAILED for an endpoint or a role that does not exist as well, or with
   * the reason of `signal`.
   */
  prove(login: ClearPasswordLogin, signal: AbortSignal): Promise<ProvedPassword>;
}

export interface ClearPasswordLogin extends EndpointPassword {
  readonly role: RoleName;
  readonly sessionId: SessionId;
  /** The IP address of the client. */
  readonly address: string;
}

export type ProvedPassword = Pick<Admitted, 'keys' | 'allowedNetworks'>;

export interface AuthenticationPolicy {
  /** Domains under which endpoints have host names. */
  readonly domains: readonly string[];
  readonly requireTls: 'always' | 'remote' | 'never';
  /**
   * How a client that names its endpoint proves its password. `cleartext`: whatever the stream is, where the client
   * expects nothing else and sends its password unasked, as over WebSocket.
   */
  readonly passwordMethod: 'scram' | 'cleartext-over-tls' | 'cleartext';
  /** Where the password form `endpoint=<id>;<password>` may be asked for. */
  readonly passwordForm: 'off' | 'tls' | 'loopback';
}

/** What a client says of who it is. */
export interface Applicant {
  readonly endpoint: EndpointId;
  readonly role: RoleName;
  readonly database: string;
  /** Further startup parameters for the compute, as the client sent them. */
  readonly parameters: StartupParameters;
}

/** A client that proved its password, and what a login at the compute needs. */
export interface Admitted extends Applicant {
  readonly keys: ScramKeys;
  /** From where its client may cancel; see EndpointAccess. */
  readonly allowedNetworks: readonly string[];
}

export interface LoginParts {
  readonly sessionId: SessionId;
  readonly access: AccessPort;
  readonly passwords: PasswordPort;
  readonly policy: AuthenticationPolicy;
  /** Knows how often passwords may still be tried. */
  readonly visit: Visit;
  readonly limit: AbortSignal;
  /** Called while the client is about to prove itself by SCRAM, if nothing but a wrong proof would keep it out. Must not throw. */
  readonly onAwaitingProof: (applicant: Applicant, verifier: ScramVerifier) => void;
}

/** Rejects with a GatewayError, or with the reason of `limit`. AuthenticationOk has been sent when it resolves. */
export async function authenticate(client: Client, startup: StartupParameters, parts: LoginParts): Promise<Admitted> {
  const { policy } = parts;
  requireTls(client, policy);
  const { role, database, others } = splitParameters(startup);
  const { encryption } = client.transport;
  const serverName = encryption.kind === 'available' ? undefined : encryption.serverName;
  const claim = identify({
    ...(serverName === undefined ? {} : { sni: serverName }),
    parameters: others,
    domains: policy.domains,
  });
  const account = { role, database, parameters: claim.kind === 'refused' ? others : claim.parameters };
  const proof = await prove(client, claim, account, parts);
  return { ...proof, ...account };
}

type Account = Omit<Applicant, 'endpoint'>;

type Proof = Pick<Admitted, 'endpoint' | 'keys' | 'allowedNetworks'>;

async function prove(client: Client, claim: EndpointClaim, account: Account, parts: LoginParts): Promise<Proof> {
  const { role } = account;
  switch (claim.kind) {
    case 'refused':
      throw claim.error;
    case 'named': {
      const { endpoint } = claim;
      if (!asksForCleartext(client, parts.policy)) return proveByScram(client, { endpoint, ...account }, parts);
      return proveByPassword(client, role, parts, (password) => ({ endpoint, password }));
    }
    case 'unnamed':
      if (!mayAskForForm(client, parts.policy)) throw new GatewayError('ENDPOINT_NOT_NAMED');
      return proveByPassword(client, role, parts, parseEndpointPassword);
  }
}

/**
 * SCRAM-SHA-256 (RFC 5802, 7677), over TLS also with channel binding, as Postgres speaks it:
 * https://www.postgresql.org/docs/current/sasl-authentication.html
 */
async function proveByScram(client: Client, applicant: Applicant, parts: LoginParts): Promise<Proof> {
  const { visit, limit } = parts;
  const { endpoint, role } = applicant;
  const { duplex, encryption } = client.transport;
  visit.requireTries(endpoint);
  const { verifier, access } = await lookUp(client, endpoint, role, parts);
  const bindingHash = encryption.kind === 'active' ? encryption.bindingHash : undefined;
  const offer = offerMechanisms(bindingHash);
  duplex.write(encodeAuthenticationSasl(offer));
  if (!access.disabled) parts.onAwaitingProof(applicant, verifier);

  const initial = unwrap(parseSaslInitialResponse((await client.reader.read(parseLoginMessage, limit)).body));
  const mechanism = offer.find((each) => each === initial.mechanism);
  if (mechanism === undefined) throw brokenSasl({ what: 'an unknown mechanism was chosen' });
  if (initial.data === undefined) throw brokenSasl({ what: 'the first message is missing' });

  const scram = createScramServer(verifier, { mechanism, bindingHash });
  const challenge = scram.clientFirst(initial.data);
  if (challenge.kind === 'violation') throw brokenSasl(challenge);
  duplex.write(encodeAuthenticationSaslContinue(challenge.bytes));

  const proof = await client.reader.read(parseLoginMessage, limit);
  // Others of its source may have used up the tries since ("many at once have no more tries than one after another").
  visit.requireTries(endpoint);
  const final = scram.clientFinal(proof.body);
  switch (final.kind) {
    case 'violation':
      throw brokenSasl(final);
    case 'refused':
      visit.loginFailed(endpoint);
      throw passwordFailed(role);
    case 'admitted':
      duplex.write(Buffer.concat([encodeAuthenticationSaslFinal(final.bytes), encodeAuthenticationOk()]));
      if (access.disabled) throw new GatewayError('ENDPOINT_DISABLED');
      return { endpoint, keys: final.keys, allowedNetworks: access.allowedNetworks };
  }
}

async function lookUp(
  client: Client,
  endpoint: EndpointId,
  role: RoleName,
  { sessionId, access, limit }: LoginParts,
): Promise<{ readonly verifier: ScramVerifier; readonly access: EndpointAccess }> {
  const left = joinSignals(limit, client.reader.gone);
  const found = await access
    .getEndpointAccess({ endpoint, role, sessionId }, left.signal)
    .catch(blameNoClient)
    .finally(() => left.release());
  // Before anything that costs: no proof is looked at.
  if (!isAllowedBy(found.allowedNetworks, client.transport.peer.address)) throw new GatewayError('IP_NOT_ALLOWED');
  const verifier = parseVerifier(found.verifier);
  if (verifier === undefined) throw new GatewayError('INTERNAL', { detail: 'wake-service gave a malformed verifier' });
  return { verifier, access: found };
}

/**
 * What a client sends behind its password stays in the reader, for the compute: drivers over WebSocket send their first
 * query in the same write. `read` finds endpoint and password in what the client sent.
 */
async function proveByPassword(
  client: Client,
  role: RoleName,
  { sessionId, passwords, visit, limit }: LoginParts,
  read: (text: string) => EndpointPassword | undefined,
): Promise<Proof> {
  const { duplex, peer } = client.transport;
  duplex.write(encodeAuthenticationCleartextPassword());
  const said = read(unwrap(parsePasswordMessage((await client.reader.read(parseLoginMessage, limit)).body)));
  if (said === undefined) throw new GatewayError('ENDPOINT_NOT_NAMED');
  const { endpoint } = said;
  visit.requireTries(endpoint);
  const login = { ...said, role, sessionId, address: peer.address };
  const left = joinSignals(limit, client.reader.gone);
  const [outcome] = await Promise.allSettled([passwords.prove(login, left.signal)]);
  left.release();
  // Before the client learns anything of its password; as above.
  visit.requireTries(endpoint);
  if (outcome.status === 'rejected') {
    if (isGatewayError(outcome.reason) && outcome.reason.code === 'PASSWORD_FAILED') visit.loginFailed(endpoint);
    return blameNoClient(outcome.reason);
  }
  duplex.write(encodeAuthenticationOk());
  const { keys, allowedNetworks } = outcome.value;
  return { endpoint, keys, allowedNetworks };
}

function requireTls(client: Client, { requireTls }: AuthenticationPolicy): void {
  const { encryption, peer } = client.transport;
  const exempt = requireTls === 'never' || (requireTls === 'remote' && peer.loopback);
  if (encryption.kind !== 'active' && !exempt) throw new GatewayError('TLS_REQUIRED');
}

function asksForCleartext({ transport }: Client, { passwordMethod }: AuthenticationPolicy): boolean {
  if (passwordMethod === 'cleartext-over-tls') return transport.encryption.kind === 'active';
  return passwordMethod === 'cleartext';
}

function mayAskForForm(client: Client, { passwordForm }: AuthenticationPolicy): boolean {
  const { encryption, peer } = client.transport;
  if (passwordForm === 'off') return false;
  return encryption.kind === 'active' || (passwordForm === 'loopback' && peer.loopback);
}

function splitParameters(startup: StartupParameters): {
  role: RoleName;
  database: string;
  others: StartupParameters;
} {
  const user = valueOf(startup, 'user') ?? '';
  const role = parseRoleName(user);
  if (role === undefined) {
    throw new GatewayError('PROTOCOL_VIOLATION', { params: { what: 'the user name is longer than 63 bytes' } });
  }
  // Postgres takes the user's name for a database that is not given or empty.
  const database = valueOf(startup, 'database') || user;
  return { role, database, others: startup.filter(([name]) => name !== 'user' && name !== 'database') };
}

function valueOf(parameters: StartupParameters, name: string): string | undefined {
  return parameters.find(([each]) => each === name)?.[1];
}

function brokenSasl({ what, sqlState }: Omit<ScramViolation, 'kind'>): GatewayError {
  return protocolError(sqlState === undefined ? { what: `SASL: ${what}`, sqlState: '08P01' } : { what, sqlState });
}

/** Throws the error, unless the time of the login ran out: then the client waited for us, not we for it. */
function blameNoClient(error: unknown): never {
  if (!isGatewayError(error) || error.code !== 'CLIENT_TOO_SLOW') throw error;
  throw new GatewayError('WAKE_SERVICE_UNAVAILABLE', { detail: 'no verifier within the time for a login' });
}

function passwordFailed(role: RoleName): GatewayError {
  return new GatewayError('PASSWORD_FAILED', { params: { user: role } });
}
