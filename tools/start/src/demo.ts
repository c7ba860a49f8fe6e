// The endpoint `demo`, so that there is something to connect to. Its password is kept in a file of the owner alone, so
// that each start can print it again.

import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { StartupError } from '@pgwake/nest-kit';
import { progress } from './console.ts';

export const demo = { endpoint: 'demo', role: 'demo', database: 'demo' } as const;

export interface Demo {
  readonly password: string;
  /** An earlier start left its database running. */
  readonly awake: boolean;
}

/** `adminUrl` as in `http://127.0.0.1:4451`. */
export async function ensureDemo(adminUrl: string, passwordFile: string): Promise<Demo> {
  const found = await call(adminUrl, 'GET', `/endpoints/${demo.endpoint}`);
  const exists = found.status === 200;
  const awake = exists && ((await found.json()) as { state?: unknown }).state === 'running';
  const kept = readIfThere(passwordFile);
  if (exists && kept !== undefined) return { password: kept, awake };

  const password = kept ?? randomBytes(12).toString('hex');
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  if (exists) {
    await expectOk(adminUrl, 'PUT', `/endpoints/${demo.endpoint}/roles/${demo.role}`, { password });
  } else {
    progress('Creating the endpoint "demo" ...');
    await expectOk(adminUrl, 'POST', '/endpoints', {
      id: demo.endpoint,
      database: demo.database,
      role: demo.role,
      password,
    });
  }
  return { password, awake };
}

function readIfThere(file: string): string | undefined {
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined;
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
