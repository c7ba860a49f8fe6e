// The endpoint `demo`, so that there is something to connect to. Its password is kept in a file of the owner alone, so
// that each start can print it again.

import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { StartupError } from '@pgwake/nest-kit';
import { progress } from './console.ts';

export const demo = { endpoint: 'demo', role: 'demo', database: 'demo' } as const;

/** Gives the password. `adminUrl` as in `http://127.0.0.1:4451`. */
export async function ensureDemo(adminUrl: string, passwordFile: string): Promise<string> {
  const known = existsSync(passwordFile);
  const exists = (await call(adminUrl, 'GET', `/endpoints/${demo.endpoint}`)).status === 200;
  if (exists && known) return readFileSync(passwordFile, 'utf8').trim();

  const password = known ? readFileSync(passwordFile, 'utf8').trim() : randomBytes(12).toString('hex');
  mkdirSync(dirname(passwordFile), { recursive: true });
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  if (!exists) {
    progress('Creating the endpoint "demo" ...');
    await expectOk(adminUrl, 'POST', '/endpoints', { id: demo.endpoint, database: demo.database });
  }
  await expectOk(adminUrl, 'PUT', `/endpoints/${demo.endpoint}/roles/${demo.role}`, { password });
  return password;
}

async function expectOk(adminUrl: string, method: string, path: string, body: object): Promise<void> {
  const response = await call(adminUrl, method, path, body);
  if (response.ok) return;
  throw new StartupError(`The endpoint "demo" could not be made: ${method} ${path} answered ${response.status}.`);
}

function call(adminUrl: string, method: string, path: string, body?: object): Promise<Response> {
  const init =
    body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  return fetch(`${adminUrl}${path}`, { method, ...init, signal: AbortSignal.timeout(60_000) });
}
