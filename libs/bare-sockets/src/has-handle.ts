import type { BoundSocket } from 'node:net';

/** What a socket stands on. Node documents the option that takes one, and not where a socket has it. */
export interface HasHandle {
  _handle?: (BoundSocket & { readonly fd?: number }) | null;
}
