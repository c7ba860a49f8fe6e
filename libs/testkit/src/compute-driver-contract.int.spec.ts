import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, it } from '@jest/globals';
import { createProcessDriver, type ProcessHome, prepareHome } from '@pgwake/compute-process';
import { computeDriverContract, type ComputeDriverLab } from './compute-driver-contract.js';

const dataDir = mkdtempSync(join(tmpdir(), 'pgwake-contract-'));
afterAll(() => rmSync(dataDir, { recursive: true, force: true }));

let home: Promise<ProcessHome> | undefined;

const processLab = (listen: 'unix' | 'tcp'): ComputeDriverLab => ({
  async openDriver() {
    home ??= prepareHome({ dataDir });
    return createProcessDriver({ home: await home, listen });
  },
  async crash({ endpoint }) {
    const file = join(dataDir, 'computes', endpoint, 'data', 'postmaster.pid');
    process.kill(Number.parseInt(readFileSync(file, 'utf8'), 10), 'SIGKILL');
  },
});

describe('the process driver keeps the promise that', () => {
  it.each(computeDriverContract)('$promise', ({ check }) => check(processLab('unix')));
});

describe('the process driver, listening on TCP, keeps the promise that', () => {
  const aboutAddresses = computeDriverContract.filter(({ promise }) => /promised identity|adopts/.test(promise));
  it.each(aboutAddresses)('$promise', ({ check }) => check(processLab('tcp')));
});
