/**
 * A compute that sends what is no Postgres protocol: nothing it says from here on can be trusted, so the connection is to
 * be ended. `what` is for the log.
 */
export function malformedResult(what: string): Error {
  return new Error(`the compute sent a malformed ${what}`);
}
