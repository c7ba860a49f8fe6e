/**
 * Takes the results of a request as they come, statement after statement. Bodies are those of the protocol's messages, as
 * views that are valid only during the call. All of it counts only if the request ends well: a COMMIT can fail after the
 * last row.
 */
export interface ResultSink {
  /** Not called for a statement that returns no rows. */
  onRowDescription(body: Uint8Array): void;
  /** `false`: read no more for now, until `resume` of the connection. Rows that were read already still come. */
  onDataRow(body: Uint8Array): boolean;
  /** A statement is done. An empty one has an empty body, any other its command tag. */
  onCommandComplete(body: Uint8Array): void;
}
