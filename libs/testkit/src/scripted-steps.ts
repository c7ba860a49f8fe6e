// The steps that scripts of a scripted Postgres are written with. A script without steps accepts and never says a word.

import { type ScramServer, createScramServer, makeMockVerifier, parseVerifier } from '@pgwake/client-auth';
import {
  type BackendKey,
  concatBytes,
  encodeAuthenticationOk,
  encodeAuthenticationSasl,
  encodeAuthenticationSaslContinue,
  encodeAuthenticationSaslFinal,
  encodeBackendKeyData,
  encodeCommandComplete,
  encodeDataRow,
  encodeErrorResponse,
  encodeParameterStatus,
  encodeReadyForQuery,
  encodeRowDescription,
  frontendTag,
  parseSaslInitialResponse,
} from '@pgwake/pg-wire';
import type { ScriptedConnection, ServerCertificate, Step } from './scripted-connection.js';

export interface ServeOptions {
  /** As in pg_authid.rolpassword. Every role has the same. */
  readonly verifier: string;
  readonly clusterName: string;
  readonly parameters?: Readonly<Record<string, string>>;
  readonly backendKey?: BackendKey;
  /** For statements other than `SHOW cluster_name`. Default: one row with the statement's own text. */
  readonly answer?: (sql: string) => Uint8Array;
}

/** A healthy server: SCRAM, greeting, simple queries until the client leaves. */
export function serve(options: ServeOptions): readonly Step[] {
  const { verifier, clusterName, parameters, backendKey, answer } = options;
  return [startup(), authenticate(verifier), greet(parameters, backendKey), answerQueries(clusterName, answer)];
}

/** Grants the client's request for TLS. Without this step encryption is declined. */
export function encrypt(certificate: ServerCertificate): Step {
  return (connection) => connection.encrypt(certificate);
}

export function startup(): Step {
  return async (connection) => {
    await connection.readStartup();
  };
}

/** SCRAM-SHA-256 up to AuthenticationOk; 28P01 and the end for the wrong keys. */
export function authenticate(verifierText: string): Step {
  return async (connection) => {
    const verifier = parseVerifier(verifierText);
    if (verifier === undefined) throw new Error('the script holds no SCRAM verifier');
    const scram = createScramServer(verifier);
    const verdict = scram.clientFinal(await askForProof(connection, scram));
    if (verdict.kind !== 'admitted') return connection.fail('28P01', 'password authentication failed');
    connection.counters.logins += 1;
    await connection.write(concatBytes(encodeAuthenticationSaslFinal(verdict.bytes), encodeAuthenticationOk()));
  };
}

/** A proper SCRAM exchange up to the client's proof, whatever that is; then these bytes. */
export function authenticateWith(outcome: Uint8Array): Step {
  return async (connection) => {
    const verifier = makeMockVerifier(new Uint8Array(32), 'scripted', 'scripted');
    await askForProof(connection, createScramServer(verifier));
    await connection.write(outcome);
  };
}

async function askForProof(connection: ScriptedConnection, scram: ScramServer): Promise<Uint8Array> {
  await connection.write(encodeAuthenticationSasl(['SCRAM-SHA-256']));
  const initial = parseSaslInitialResponse((await connection.readMessage()).body);
  if (initial.kind === 'violation') throw new Error(initial.what);
  const challenge = scram.clientFirst(initial.value.data ?? new Uint8Array(0));
  if (challenge.kind === 'violation') throw new Error(challenge.what);
  await connection.write(encodeAuthenticationSaslContinue(challenge.bytes));
  return (await connection.readMessage()).body;
}

const defaultParameters = { server_version: '18.4', client_encoding: 'UTF8' };
const defaultBackendKey: BackendKey = { pid: 4711, secret: Uint8Array.of(1, 2, 3, 4) };

/** ParameterStatus, BackendKeyData, ReadyForQuery. */
export function greet(
  parameters: Readonly<Record<string, string>> = defaultParameters,
  backendKey: BackendKey = defaultBackendKey,
): Step {
  const statuses = Object.entries(parameters).map(([name, value]) => encodeParameterStatus({ name, value }));
  return send(concatBytes(...statuses, encodeBackendKeyData(backendKey), encodeReadyForQuery()));
}

/** Simple queries until the client says goodbye. */
export function answerQueries(clusterName: string, answer: (sql: string) => Uint8Array = echo): Step {
  return async (connection) => {
    for (;;) {
      const { tag, body } = await connection.readMessage();
      if (tag === frontendTag.terminate) {
        connection.counters.farewells += 1;
        return connection.close();
      }
      if (tag !== frontendTag.query) throw new Error(`client message ${String.fromCharCode(tag)}`);
      const sql = Buffer.from(body.subarray(0, -1)).toString();
      connection.counters.queries.push(sql);
      await connection.write(sql === 'SHOW cluster_name' ? encodeRow('cluster_name', clusterName) : answer(sql));
    }
  };
}

/** Reads one query and answers it so. */
export function answerOnce(bytes: Uint8Array): Step {
  return async (connection) => {
    const { body } = await connection.readMessage();
    connection.counters.queries.push(Buffer.from(body.subarray(0, -1)).toString());
    await connection.write(bytes);
  };
}

/** An error of a query, and ready for the next. */
export function failQuery(code: string, message: string): Step {
  return async (connection) => {
    connection.counters.errors.push(code);
    await answerOnce(concatBytes(encodeErrorResponse({ severity: 'ERROR', code, message }), encodeReadyForQuery()))(
      connection,
    );
  };
}

/** What a query for one text gives, ReadyForQuery included. */
export function encodeRow(column: string, value: string): Uint8Array {
  return concatBytes(
    encodeRowDescription([column]),
    encodeDataRow([value]),
    encodeCommandComplete('SELECT 1'),
    encodeReadyForQuery(),
  );
}

function echo(sql: string): Uint8Array {
  return encodeRow('echo', sql);
}

/** Any bytes, right or wrong. */
export function send(bytes: Uint8Array): Step {
  return (connection) => connection.write(bytes);
}

/** The same bytes again and again, as fast as the client reads them, until it leaves. */
export function sendForever(bytes: Uint8Array): Step {
  return async (connection) => {
    for (;;) await connection.write(bytes);
  };
}

/** FATAL and the end. */
export function fail(code: string, message = `scripted ${code}`): Step {
  return (connection) => connection.fail(code, message);
}

export function reset(): Step {
  return (connection) => connection.reset();
}

export function close(): Step {
  return (connection) => connection.close();
}

/** Lets the steps that follow write so many bytes, then ends the connection. */
export function cutAfter(bytes: number, how: 'reset' | 'close'): Step {
  return (connection) => connection.cutAfter(bytes, how);
}

/** Waits for something the test decides. */
export function wait(promise: Promise<unknown>): Step {
  return async () => {
    await promise;
  };
}
