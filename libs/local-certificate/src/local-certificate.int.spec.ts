import { describe, expect, it } from '@jest/globals';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureCertificate, makeCertificate } from './index.js';

const fresh = () => join(mkdtempSync(join(tmpdir(), 'pgwake-certificate-')), 'tls');

describe('a certificate for this machine', () => {
  it('is signed by its authority and names the loopback interface', async () => {
    const { ca, cert, key } = await makeCertificate(['demo']);
    const certificate = new X509Certificate(cert);
    const authority = new X509Certificate(ca);
    expect(certificate.verify(authority.publicKey)).toBe(true);
    expect(certificate.ca).toBe(false);
    for (const name of ['localhost', 'demo.localhost']) expect(certificate.checkHost(name)).toBeDefined();
    expect(certificate.checkHost('example.com')).toBeUndefined();
    expect(certificate.checkIP('127.0.0.1')).toBeDefined();
    expect(key).toContain('BEGIN PRIVATE KEY');
  });

  it('is made once, with a key for the owner alone, and kept', async () => {
    const directory = fresh();
    const files = await ensureCertificate(directory);
    const made = readFileSync(files.certFile, 'utf8');
    expect(statSync(files.keyFile).mode & 0o777).toBe(0o600);
    await ensureCertificate(directory);
    expect(readFileSync(files.certFile, 'utf8')).toBe(made);
  });

  it('is made anew when a file is broken or belongs to another', async () => {
    const directory = fresh();
    const files = await ensureCertificate(directory);
    writeFileSync(files.caFile, (await makeCertificate()).ca);
    const replaced = readFileSync(files.certFile, 'utf8');
    await ensureCertificate(directory);
    expect(readFileSync(files.certFile, 'utf8')).not.toBe(replaced);
    writeFileSync(files.certFile, 'garbage');
    await ensureCertificate(directory);
    expect(new X509Certificate(readFileSync(files.certFile)).subject).toBe('CN=localhost');
  });
});
