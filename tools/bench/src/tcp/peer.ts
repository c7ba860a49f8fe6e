// What is compared: ways from a client to the same Postgres.

export const peerTitles = {
  direct: 'direct',
  pgbouncerSession: 'PgBouncer, session',
  pgbouncerTransaction: 'PgBouncer, transaction',
  haproxy: 'HAProxy',
  pgwake: 'pgwake',
} as const;

export type PeerName = keyof typeof peerTitles;

export interface Peer {
  readonly name: PeerName;
  readonly port: number;
  /** Of the process in the middle; none when there is none. */
  readonly pid: number | undefined;
  /** Puts a new process in the place of that one, where memory that is used again would be counted as none. */
  readonly restart?: () => Promise<void>;
  /** Whether clients may use TLS. */
  readonly tls: boolean;
  /** For PGOPTIONS. */
  readonly options: string;
}

export interface Account {
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

export const host = '127.0.0.1';

/** Of tcp-proxy: everybody here is one source and one endpoint, and there are many of them. */
export const unlimited = {
  PGWAKE_MAX_CONNECTIONS_PER_ENDPOINT: '0',
  PGWAKE_MAX_CONNECTIONS_PER_SOURCE: '0',
  PGWAKE_MAX_HANDSHAKES_PER_SOURCE: '0',
} as const;

/** How programs that use libpq connect through it. */
export function libpqEnv(peer: Peer, { user, password, database }: Account, encrypted = false): NodeJS.ProcessEnv {
  return {
    PATH: process.env.PATH,
    PGHOST: host,
    PGPORT: String(peer.port),
    PGUSER: user,
    PGPASSWORD: password,
    PGDATABASE: database,
    PGOPTIONS: peer.options,
    PGSSLMODE: encrypted ? 'require' : 'disable',
    PGGSSENCMODE: 'disable',
  };
}
