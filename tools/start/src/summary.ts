import { demo } from './demo.ts';

export interface SummaryFacts {
  readonly host: string;
  readonly port: number;
  /** Of http-proxy, without a path. */
  readonly httpUrl: string;
  readonly password: string;
  readonly awake: boolean;
  readonly adminUrl: string;
  readonly dataDir: string;
  readonly passwordFile: string;
  readonly caFile: string;
}

/** How to connect, where things are, how to stop. Holds exactly one `postgresql://` URL: the client's. */
export function renderSummary(facts: SummaryFacts): string {
  const { host, port, password, awake } = facts;
  const { endpoint, role, database } = demo;
  const url = `postgresql://${role}:${password}@${host}:${port}/${database}?options=endpoint%3D${endpoint}`;
  return `
pgwake is running, and the database of the endpoint "${endpoint}" ${awake ? 'is awake' : 'sleeps. Connect, and it wakes'}.

  URL      ${url}

  psql     PGPASSWORD=${password} psql "host=${host} port=${port} dbname=${database} user=${role} options=endpoint=${endpoint}"

  node     import pg from 'pg';
           const client = new pg.Client({
             host: '${host}', port: ${port}, database: '${database}', user: '${role}', password: '${password}',
             options: 'endpoint=${endpoint}',
           });
           await client.connect();
           console.log((await client.query('select version()')).rows);
           await client.end();

  http     import { neon, neonConfig } from '@neondatabase/serverless';
           neonConfig.fetchEndpoint = '${facts.httpUrl}/sql';
           const sql = neon(url); // the URL above
           console.log(await sql.query('select version()'));

  admin    ${facts.adminUrl} (endpoints, roles, wake, suspend; described at /openapi.json)
  data     ${facts.dataDir} (the demo password is in ${facts.passwordFile}, the local CA in ${facts.caFile})
  stop     Ctrl-C
`;
}
