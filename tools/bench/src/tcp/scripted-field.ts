// pgwake in front of computes that answer logins and nothing else, where a real Postgres would need gigabytes.

import { join } from 'node:path';
import { findFreePortSettings, startScriptedPostgres, startScriptedWake, steps, SystemApp } from '@pgwake/testkit';
import type pg from 'pg';
import { host, unlimited } from './peer.ts';

export interface ScriptedField {
  /** Of tcp-proxy. */
  readonly pid: number;
  readonly config: pg.ClientConfig;
  stop(): Promise<void>;
}

const endpoint = 'scripted';
const password = 'scripted password';

export async function startScriptedField(
  directory: string,
  tls: { readonly certFile: string; readonly keyFile: string },
): Promise<ScriptedField> {
  const wake = await startScriptedWake({ password });
  const postgres = await startScriptedPostgres({
    scripts: [steps.serve({ verifier: wake.verifier, clusterName: `pgwake/${endpoint}/1` })],
  });
  wake.script(endpoint, [{ kind: 'node', address: postgres.address }]);
  const ports = await findFreePortSettings();
  const app = new SystemApp({
    name: 'tcp-proxy',
    settings: {
      ...ports,
      ...unlimited,
      PGWAKE_WAKE_ADDRESS: wake.address,
      PGWAKE_TLS_CERT_FILE: tls.certFile,
      PGWAKE_TLS_KEY_FILE: tls.keyFile,
    },
    opsPort: ports.PGWAKE_TCP_OPS_PORT,
    logFile: join(directory, 'tcp-proxy.log'),
  });
  await app.start();
  return {
    pid: app.pid,
    config: {
      host,
      port: Number(ports.PGWAKE_TCP_PORT),
      user: 'app',
      password,
      database: 'app',
      options: `endpoint=${endpoint}`,
    },
    async stop() {
      await app.end('SIGKILL');
      await postgres.stop();
      await wake.stop();
    },
  };
}
