import { X509Certificate } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeCertificate } from './make-certificate.js';

export interface CertificateFiles {
  readonly caFile: string;
  readonly certFile: string;
  /** Readable by the owner only. */
  readonly keyFile: string;
}

const renewBeforeMs = 30 * 86_400_000;

/** Gives the files in `directory`, making them when they are not there, do not belong together or are about to expire. */
export async function ensureCertificate(
  directory: string,
  namesBelow: readonly string[] = [],
): Promise<CertificateFiles> {
  const files = {
    caFile: join(directory, 'ca.crt'),
    certFile: join(directory, 'server.crt'),
    keyFile: join(directory, 'server.key'),
  };
  if (isGood(files)) return files;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const { ca, cert, key } = await makeCertificate(namesBelow);
  write(files.keyFile, key, 0o600);
  write(files.caFile, ca, 0o644);
  write(files.certFile, cert, 0o644);
  return files;
}

function isGood({ caFile, certFile, keyFile }: CertificateFiles): boolean {
  try {
    const cert = new X509Certificate(readFileSync(certFile));
    const signed = cert.checkIssued(new X509Certificate(readFileSync(caFile)));
    const ours = readFileSync(keyFile).length > 0;
    return signed && ours && Date.parse(cert.validTo) - Date.now() > renewBeforeMs;
  } catch {
    return false;
  }
}

/** Whole or not at all: a half-written file would pass for a broken setting. */
function write(file: string, content: string, mode: number): void {
  writeFileSync(`${file}.new`, content, { mode });
  renameSync(`${file}.new`, file);
}
