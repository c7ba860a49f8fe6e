/** Something on this machine keeps Postgres from running. The message is one plain sentence for the operator. */
export class ComputeSetupError extends Error {
  override readonly name = 'ComputeSetupError';
}
