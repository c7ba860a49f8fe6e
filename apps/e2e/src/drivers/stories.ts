// What is asked of every driver: the same stories, told over plain TCP and over TLS. A driver says for each of them how it
// goes, or why it has no way to tell it. docs/compatibility.md is made from these.

import type { EndpointConnection, System, TestEndpoint } from '@pgwake/testkit';

export const modes = ['plain', 'TLS'] as const;
export type Mode = (typeof modes)[number];

/** In the order in which they are told: the endpoint sleeps when the first one begins. */
export const stories = {
  wakes: 'a sleeping endpoint wakes up',
  namesEndpoint: 'the endpoint is named in every way there is',
  isRefused: 'a wrong password, an unknown database: refused, with the reason',
  setsParameters: 'startup options and parameters reach the compute',
  queries: 'simple queries, several in one message',
  prepares: 'prepared statements, used again',
  types: 'values of many types, there and back',
  transacts: 'transactions that commit, roll back, fail',
  readsErrors: 'errors with all their fields',
  hearsNotices: 'notices, in order',
  copiesIn: 'COPY in',
  copiesOut: 'COPY out',
  carriesLargeRows: 'rows of megabytes',
  fetches: 'a result in portions',
  pipelines: 'many statements before the first answer',
  listens: 'LISTEN and NOTIFY between two sessions',
  callsFunctions: 'the function call protocol, with large objects',
  cancels: 'cancel, which hits this query and no other',
  terminates: "pg_terminate_backend with the driver's own pid",
  replicates: 'replication connections',
} as const;
export type Story = keyof typeof stories;
export const storyNames = Object.keys(stories) as readonly Story[];

/** What a suite plays on, one for each mode. */
export interface Stage {
  readonly mode: Mode;
  readonly system: System;
  readonly endpoint: TestEndpoint;
  /** Without TLS the endpoint is named by `options`, with TLS by the host name: `options` is empty then. */
  readonly connection: EndpointConnection;
  /** With TLS: the authority that signed the gateway's certificate, and the host name under which it is the endpoint. */
  readonly tls: { readonly caFile: string; readonly ca: string; readonly hostName: string } | undefined;
}

/** Rejects when the story goes another way. */
export type Telling = (stage: Stage) => Promise<void>;

export interface Driver {
  readonly name: string;
  /** The program or package that this machine lacks; `undefined` when the stories can be told. */
  findMissing(): string | undefined;
  readonly stories: Readonly<Record<Story, Telling | CannotTell>>;
}

/** Why a driver has no way to tell a story, in words for docs/compatibility.md. */
export interface CannotTell {
  readonly reason: string;
}

export function cannotTell(reason: string): CannotTell {
  return { reason };
}
