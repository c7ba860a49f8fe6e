// What is asked of a query connection, and the bytes of it. Always the extended protocol, with the unnamed statement and
// portal, types left to the server and text both ways: then a request can hold one statement per text, values never meet
// SQL, and nothing has a name that could outlive the request.

import { GatewayError } from '@pgwake/gateway-errors';
import type { FrontendWriter } from '@pgwake/pg-wire';

export interface Statement {
  readonly text: string;
  readonly params: readonly (string | null)[];
}

export interface TransactionOptions {
  readonly isolationLevel?: 'read uncommitted' | 'read committed' | 'repeatable read' | 'serializable';
  readonly readOnly?: boolean;
  readonly deferrable?: boolean;
}

export interface QueryRequest {
  /** At least one. The first that fails ends the request; those behind it are not executed. */
  readonly statements: readonly Statement[];
  /**
   * With it, BEGIN and COMMIT stand around the statements. Without it they are one implicit transaction, which is what a
   * single statement wants: some, such as VACUUM, run in no other.
   */
  readonly transaction?: TransactionOptions;
}

/**
 * All of a request, behind it one Sync. Throws REQUEST_INVALID for what the protocol cannot carry; then a part of it is
 * written.
 */
export function encodeRequest({ statements, transaction }: QueryRequest, writer: FrontendWriter): void {
  if (transaction) encodeStatement(writer, { text: beginText(transaction), params: [] });
  for (const statement of statements) {
    try {
      encodeStatement(writer, statement);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new GatewayError('REQUEST_INVALID', { params: { what: error.message }, cause: error });
    }
  }
  if (transaction) encodeStatement(writer, { text: 'COMMIT', params: [] });
  writer.sync();
}

function encodeStatement(writer: FrontendWriter, { text, params }: Statement): void {
  writer.parse(text).bind(params).describePortal().execute();
}

function beginText({ isolationLevel, readOnly, deferrable }: TransactionOptions): string {
  const modes = [
    isolationLevel === undefined ? '' : ` ISOLATION LEVEL ${isolationLevel.toUpperCase()}`,
    readOnly === undefined ? '' : readOnly ? ' READ ONLY' : ' READ WRITE',
    deferrable === undefined ? '' : deferrable ? ' DEFERRABLE' : ' NOT DEFERRABLE',
  ];
  return `BEGIN${modes.join('')}`;
}
