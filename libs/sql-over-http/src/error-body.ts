// An error as the driver reads it: https://www.postgresql.org/docs/current/protocol-error-fields.html by the names that
// node-postgres gave the fields. All of them are texts; what an error does not have is null.

/** What may stand in an error, whoever made it. Never an address, a stack or a text of a library. */
export interface ErrorBody {
  readonly severity: string;
  readonly code: string;
  readonly message: string;
  readonly detail?: string;
  readonly hint?: string;
  readonly position?: string;
  readonly internalPosition?: string;
  readonly internalQuery?: string;
  readonly where?: string;
  readonly schema?: string;
  readonly table?: string;
  readonly column?: string;
  readonly dataType?: string;
  readonly constraint?: string;
  readonly file?: string;
  readonly line?: string;
  readonly routine?: string;
  /** Which statement of a batch failed, counted from 0. */
  readonly statementIndex?: number;
}

const encoder = new TextEncoder();

export function renderErrorBody(error: ErrorBody): Uint8Array {
  const { severity, code, message, statementIndex } = error;
  const body = {
    severity,
    code,
    message,
    detail: error.detail ?? null,
    hint: error.hint ?? null,
    position: error.position ?? null,
    internalPosition: error.internalPosition ?? null,
    internalQuery: error.internalQuery ?? null,
    where: error.where ?? null,
    schema: error.schema ?? null,
    table: error.table ?? null,
    column: error.column ?? null,
    dataType: error.dataType ?? null,
    constraint: error.constraint ?? null,
    file: error.file ?? null,
    line: error.line ?? null,
    routine: error.routine ?? null,
    ...(statementIndex === undefined ? {} : { statementIndex }),
  };
  return encoder.encode(JSON.stringify(body));
}
