// How many clients this process can hold, whatever its settings say: each takes a file for each of its sockets, and memory for
// what is on its way between them. Without this a proxy that is full cannot open what it needs to say so.

import { StartupError } from '@pgwake/nest-kit';
import { farewells } from './client-limits.js';

export interface ProcessLimits {
  /** `undefined`: as many as it likes. */
  readonly openFiles: number | undefined;
  readonly memoryBytes: number | undefined;
}

export interface Capacity {
  readonly connections: number;
  /** What keeps it below what was wanted. */
  readonly boundBy: 'openFiles' | 'memory' | undefined;
}

/** Node itself, listeners, Redis, wake-service, name servers, the ops port and who asks there, clients turned away. */
const filesForTheRest = 128 + farewells;
/** With TLS, and full buffers on every other one. */
const bytesPerSocket = 64 * 1024;
/** The other half is for the process itself, and for what the garbage collector has not seen yet. */
const shareForClients = 0.5;

/** For `wanted` clients. Throws a StartupError when there is room for nobody. */
export function planCapacity(wanted: number, socketsPerClient: number, limits: ProcessLimits): Capacity {
  const { openFiles, memoryBytes } = limits;
  const byFiles = Math.floor(((openFiles ?? Infinity) - filesForTheRest) / socketsPerClient);
  const byMemory = Math.floor(((memoryBytes ?? Infinity) * shareForClients) / (socketsPerClient * bytesPerSocket));
  const connections = Math.min(wanted, byFiles, byMemory);
  if (connections < 1) {
    throw new StartupError(
      `This process may open ${openFiles ?? 'any number of'} files and use ${memoryBytes ?? 'any number of'} bytes of memory; ` +
        'that is too little for a single client. Raise the limit (ulimit -n, LimitNOFILE, the memory of the container).',
    );
  }
  if (connections === wanted) return { connections, boundBy: undefined };
  return { connections, boundBy: connections === byFiles ? 'openFiles' : 'memory' };
}

/** Of this process. Node has raised its own limit of open files as far as it may. */
export function readProcessLimits(): ProcessLimits {
  const { report } = process as { readonly report: { excludeNetwork?: boolean; getReport(): object } };
  // It asks name servers about every connection otherwise.
  report.excludeNetwork = true;
  const { userLimits } = report.getReport() as {
    readonly userLimits?: { readonly open_files?: { readonly soft?: unknown } };
  };
  const openFiles = userLimits?.open_files?.soft;
  const memoryBytes = process.constrainedMemory();
  return {
    openFiles: typeof openFiles === 'number' ? openFiles : undefined,
    memoryBytes: memoryBytes > 0 && memoryBytes < Number.MAX_SAFE_INTEGER ? memoryBytes : undefined,
  };
}
