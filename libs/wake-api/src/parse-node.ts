// Addresses and identities from untrusted fields, named as in wake.proto. What makes no sense is `undefined`.

import type { ComputeIdentity, NodeAddress } from './wake-api.js';

const dnsNameOrIpv4 = /^(?=.{1,253}$)[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?$/;
const ipv6 = /^(?=.*:)[0-9A-Fa-f:.]{2,45}(?:%[A-Za-z0-9_.-]{1,15})?$/;
// sun_path holds 108 bytes on Linux, 104 on macOS, the last one a NUL; `/.s.PGSQL.65535` takes 15.
const socketDirectoryPath = /^\/[^\0]{0,87}$/;

/** An absent field is `undefined`; exactly one of host and directory is there. */
export function parseNodeAddress(fields: {
  readonly host?: unknown;
  readonly socketDirectory?: unknown;
  readonly port?: unknown;
}): NodeAddress | undefined {
  const { host, socketDirectory, port } = fields;
  if (typeof port !== 'number' || !Number.isInteger(port) || port < 1 || port > 65_535) return undefined;
  if (typeof host === 'string' && socketDirectory === undefined && (dnsNameOrIpv4.test(host) || ipv6.test(host))) {
    return { kind: 'tcp', host, port };
  }
  if (typeof socketDirectory === 'string' && host === undefined && socketDirectoryPath.test(socketDirectory)) {
    return { kind: 'unix', socketDirectory, port };
  }
  return undefined;
}

/** An absent field is `undefined`; exactly one is there. */
export function parseComputeIdentity(fields: {
  readonly clusterName?: unknown;
  readonly tlsSan?: unknown;
  readonly unproven?: unknown;
}): ComputeIdentity | undefined {
  const { clusterName, tlsSan, unproven } = fields;
  const found: ComputeIdentity[] = [];
  if (typeof clusterName === 'string') found.push({ kind: 'clusterName', value: clusterName });
  if (typeof tlsSan === 'string') found.push({ kind: 'tlsSan', value: tlsSan });
  if (unproven === true) found.push({ kind: 'unproven' });
  const [identity] = found;
  if (identity === undefined || found.length > 1) return undefined;
  return identity.kind !== 'unproven' && identity.value === '' ? undefined : identity;
}
