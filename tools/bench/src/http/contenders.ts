// Who is compared: ways from a request to the same Postgres and back.

export const contenderTitles = {
  pgwake: 'pgwake, POST /sql',
  pgwakeParsed: 'pgwake, each head another',
  nodeHttp: 'node:http + pg',
  nestFastify: 'Nest + Fastify + pg',
  nestExpress: 'Nest + Express + pg',
  direct: 'pgbench, prepared, directly',
} as const;

export type ContenderName = keyof typeof contenderTitles;
/** Those that are a server of the benchmark's own. */
export type ServerName = Exclude<ContenderName, 'pgwake' | 'pgwakeParsed' | 'direct'>;

export const contenderNames = Object.keys(contenderTitles) as ContenderName[];
const others: readonly ContenderName[] = ['pgwake', 'pgwakeParsed', 'direct'];
export const serverNames = contenderNames.filter((name): name is ServerName => !others.includes(name));
