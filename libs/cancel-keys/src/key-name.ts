// A backend key as a string, as keys are kept. A session has its keys for hours, and an array of bytes takes hundreds of bytes
// where a string takes tens.

import type { Brand } from '@pgwake/ids';
import type { BackendKey } from '@pgwake/pg-wire';

/** As secret as the key itself: nothing for a log. */
export type KeyName = Brand<string, 'KeyName'>;

export function nameOf({ pid, secret }: BackendKey): KeyName {
  return `${pid}:${Buffer.from(secret).toString('hex')}` as KeyName;
}

export function keyOf(name: KeyName): BackendKey {
  const [pid, secret = ''] = name.split(':');
  return { pid: Number(pid), secret: Buffer.from(secret, 'hex') };
}
