// The built apps with TLS, and for each mode an endpoint that sleeps.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureCertificate } from '@pgwake/local-certificate';
import { System } from '@pgwake/testkit';
import { connectAsSuperuser } from '../clients.js';
import { type Mode, type Stage, modes } from './stories.js';

export interface Stages {
  of(mode: Mode): Stage;
  stop(): Promise<void>;
}

const endpointOf = (mode: Mode): string => `by-${mode.toLowerCase()}`;

export async function openStages(): Promise<Stages> {
  const directory = mkdtempSync(join(tmpdir(), 'pgwake-stage-'));
  const { caFile, certFile, keyFile } = await ensureCertificate(directory, modes.map(endpointOf));
  const system = await System.start({ env: { PGWAKE_TLS_CERT_FILE: certFile, PGWAKE_TLS_KEY_FILE: keyFile } });
  const opened = await Promise.all(modes.map(async (mode) => [mode, await openStage(system, mode, caFile)] as const));
  const stages = new Map(opened);
  return {
    of(mode) {
      const stage = stages.get(mode);
      if (stage === undefined) throw new RangeError(`there is no stage for ${mode}`);
      return stage;
    },
    async stop() {
      await system.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function openStage(system: System, mode: Mode, caFile: string): Promise<Stage> {
  const name = endpointOf(mode);
  const endpoint = await system.createEndpoint(name);
  // Only a superuser gives this attribute away, and no client of the gateway is one.
  await system.admin('POST', `/endpoints/${name}/wake`);
  const superuser = await connectAsSuperuser(system, endpoint);
  await superuser.query(`alter role ${endpoint.role} replication`);
  await superuser.end();
  await system.admin('POST', `/endpoints/${name}/suspend`);
  const connection = system.connectionConfig(endpoint);
  if (mode === 'plain') return { mode, system, endpoint, connection, tls: undefined };
  const tls = { caFile, ca: readFileSync(caFile, 'utf8'), hostName: `${name}.localhost` };
  return { mode, system, endpoint, connection: { ...connection, options: '' }, tls };
}
