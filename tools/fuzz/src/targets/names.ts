// Where an endpoint or a verifier is named in text of a stranger: the TLS host name, the password form, what stands in
// pg_authid. Names are read in one way only, so what was read and is written again is the same text.

import { formatVerifier, identify, parseEndpointPassword, parseVerifier } from '@pgwake/client-auth';
import { type FuzzTarget, demand, latin1 } from '../target.ts';

const domain = 'gw.example';
const label = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const key = Buffer.alloc(32, 7).toString('base64');

function readHost(text: string): string {
  const claim = identify({ sni: text, parameters: [], domains: [domain] });
  const name = text.toLowerCase().replace(/\.$/, '');
  const first = name.endsWith(`.${domain}`) ? name.slice(0, -domain.length - 1) : '';
  const expected = label.test(first) && /^[\x21-\x7e]*$/.test(text) ? first : undefined;
  const got = claim.kind === 'named' ? claim.endpoint : undefined;
  demand(got === expected, `host: ${got}, and the model says ${expected}`);
  return `host: ${claim.kind}`;
}

function readPassword(text: string): string {
  const form = parseEndpointPassword(text);
  const [, named = '', password = ''] = /^endpoint=([^;$]*)[;$](.+)$/s.exec(text) ?? [];
  const endpoint = named.toLowerCase();
  const expected = label.test(endpoint) ? `${endpoint} ${password}` : undefined;
  const got = form && `${form.endpoint} ${form.password}`;
  demand(got === expected, `password: ${got}, and the model says ${expected}`);
  return `password: ${form === undefined ? 'of no endpoint' : 'of an endpoint'}`;
}

function readVerifier(text: string): string {
  const verifier = parseVerifier(text);
  if (verifier === undefined) return 'verifier: refused';
  demand(formatVerifier(verifier) === text, `written again it is ${formatVerifier(verifier)}`);
  return 'verifier: read';
}

const readers = [readHost, readPassword, readVerifier];

/** The first byte chooses the reader. */
function run(input: Uint8Array): string {
  const read = readers[(input[0] ?? 0) % readers.length] ?? readHost;
  return read(Buffer.from(input.subarray(1)).toString('latin1'));
}

export const namesTarget: FuzzTarget = {
  name: 'names',
  project: 'client-auth',
  share: 10,
  seeds: [
    `\0demo.${domain}`,
    `\0Demo.GW.example.`,
    `\0a.b.${domain}`,
    `\0demo.${domain}.evil.com`,
    '\x01endpoint=demo;correct horse',
    '\x01endpoint=demo$correct;horse',
    `\x02SCRAM-SHA-256$4096:c2FsdA==$${key}:${key}`,
    '\x02md5d41d8cd98f00b204e9800998ecf8427e',
  ].map(latin1),
  words: ['endpoint=', ';', '$', '.', `.${domain}`, 'SCRAM-SHA-256', ':', '=', '-', '\0', '\xe4'].map(latin1),
  run,
  mustReach: [
    'host: named',
    'host: unnamed',
    'password: of an endpoint',
    'password: of no endpoint',
    'verifier: read',
    'verifier: refused',
  ],
};
