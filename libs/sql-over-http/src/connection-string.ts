// Who wants what, from the connection string that every request brings along:
//
//   postgres[ql]://<user>[:<password>]@<host>[:<port>]/<database>[?<name>=<value>&...]
//
// The host is a name to find the endpoint by and nothing else: nothing here is ever looked up or dialled, and the port
// is without effect. One grammar, stricter than those of libpq and of URL: where the two would read one text in two
// ways (a second @, a backslash, a fragment, several hosts), the text is refused.

import { type RoleName, parseRoleName } from '@pgwake/ids';
import { invalidRequest } from './invalid-request.js';

export interface ConnectionString {
  /** A DNS name in lower case; never an IP address. */
  readonly host: string;
  readonly user: RoleName;
  /** Empty where there is none. */
  readonly password: string;
  readonly database: string;
  /** What a session at the compute is to start with, of the few that have a meaning here: `options`, `application_name`. */
  readonly parameters: readonly (readonly [name: string, value: string])[];
}

const maxLength = 8192;
const shape = /^postgres(?:ql)?:\/\/([^@/?]*)@([^@/?]*)\/([^/?]*)(?:\?([^?]*))?$/;
const dnsName =
  /^(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.?$/;
/** What URL and inet_aton take for an IPv4 address: its last label is a number. */
const endsInNumber = /(?:^|\.)(?:[0-9]+|0x[0-9a-f]*)\.?$/;

const passedOn: readonly string[] = ['options', 'application_name'];
/** libpq takes these from here, in place of what stands before the `?` or as the name of a file to read. */
const refused: ReadonlySet<string> = new Set([
  ...['host', 'hostaddr', 'port', 'user', 'username', 'password', 'dbname', 'database', 'service', 'servicefile'],
  ...['passfile', 'sslkey', 'sslcert', 'sslrootcert', 'sslpassword', 'sslcrl', 'sslcrldir', 'replication'],
]);

/** Throws a GatewayError (REQUEST_INVALID) that says what is wrong and repeats none of it. */
export function parseConnectionString(text: string): ConnectionString {
  if (text.length > maxLength) throw invalid(`is longer than ${maxLength} bytes`);
  if (!/^[\x21-\x7e]*$/.test(text)) throw invalid('holds a character that has to be percent-encoded');
  if (/[#\\]/.test(text)) throw invalid('holds a # or a \\, which have to be percent-encoded');
  const parts = shape.exec(text);
  if (parts === null) throw invalid('is not of the form postgresql://user:password@host/database');
  const [, userInfo = '', authority = '', path = '', query = ''] = parts;

  const colon = userInfo.indexOf(':');
  const user = decode(colon === -1 ? userInfo : userInfo.slice(0, colon), 'the user name');
  const password = colon === -1 ? '' : decode(userInfo.slice(colon + 1), 'the password');
  const database = decode(path, 'the database name');
  if (user === '') throw invalid('names no user');
  if (database === '') throw invalid('names no database');
  const role = parseRoleName(user);
  if (role === undefined) throw invalid('has a user name of more than 63 bytes');
  return { host: parseHost(authority), user: role, password, database, parameters: parseQuery(query) };
}

function parseHost(authority: string): string {
  const [, name = '', port] = /^([^:]*)(?::([0-9]{1,5}))?$/.exec(authority.toLowerCase()) ?? [];
  if (!dnsName.test(name) || Number(port ?? 0) > 65_535) throw invalid('has no valid host name');
  if (endsInNumber.test(name)) throw invalid('has an IP address in place of a host name');
  return name;
}

function parseQuery(query: string): (readonly [string, string])[] {
  const parameters = new Map<string, string>();
  for (const pair of query.split('&')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    // The driver writes a space as +, as HTML forms do.
    const [name, value] = [pair.slice(0, Math.max(0, equals)), pair.slice(equals + 1)].map((part) =>
      decode(part.replaceAll('+', ' '), 'a parameter'),
    ) as [string, string];
    if (refused.has(name)) throw invalid(`has the parameter ${name}, which is not allowed here`);
    if (!passedOn.includes(name)) continue;
    if (parameters.has(name)) throw invalid(`has the parameter ${name} twice`);
    parameters.set(name, value);
  }
  return [...parameters];
}

function decode(text: string, what: string): string {
  let decoded;
  try {
    decoded = decodeURIComponent(text);
  } catch {
    throw invalid(`is not percent-encoded correctly in ${what}`);
  }
  // The end of a text for Postgres, so another name would be used than was checked.
  if (decoded.includes('\0')) throw invalid(`has a NUL in ${what}`);
  return decoded;
}

function invalid(what: string): Error {
  return invalidRequest(`the connection string ${what}`);
}
