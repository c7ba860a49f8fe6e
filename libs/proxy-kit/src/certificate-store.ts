// The certificate that clients see, kept up to date: its files are watched, and a new pair takes the place of the old one
// between two handshakes. A pair that cannot be used is told to the observer and changes nothing.

import { createHash } from 'node:crypto';
import { type FSWatcher, readFileSync, watch } from 'node:fs';
import { dirname } from 'node:path';
import { StartupError } from '@pgwake/nest-kit';
import { checkTlsGroups } from './check-tls-groups.js';
import {
  type CertificateMaterial,
  type ServerCertificate,
  createServerCertificate,
  explainInvalidity,
} from './server-certificate.js';
import type { TlsSettings } from './tls-settings.js';

export interface CertificateStore {
  /** For one handshake: the next one may get another. */
  readonly current: ServerCertificate;
  close(): void;
}

/** Learns what becomes of the files, for logs and metrics. */
export interface CertificateObserver {
  /** At the start, and whenever another certificate came into use. `invalid`: why clients will refuse it all the same. */
  onLoaded(certificate: ServerCertificate, invalid: string | undefined): void;
  /** The old one stays in use. Once for each state of the files. */
  onRefused(why: string): void;
  /** A directory cannot be watched; its files are still looked at now and then. */
  onBlind(why: string): void;
}

interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
  readonly clientCa: string | undefined;
}

/** Certificate and key are two files: a reader between the two writes would find a pair that does not fit. */
const settleMs = 100;
/** Not every file system tells of changes. */
const lookAgainEveryMs = 30_000;

/** `undefined` when no certificate is configured. Throws a StartupError when it is and cannot be used. */
export function openCertificateStore(
  settings: TlsSettings,
  observer: CertificateObserver,
): CertificateStore | undefined {
  const files = readFileSettings(settings);
  if (files !== undefined) checkTlsGroups(settings.tlsGroups);
  return files && new WatchedCertificate(files, settings, observer);
}

function readFileSettings(settings: TlsSettings): CertificateFiles | undefined {
  const { tlsCertFile: cert, tlsKeyFile: key, tlsClientCert, tlsClientCaFile: clientCa } = settings;
  if ((cert === undefined) !== (key === undefined)) {
    throw new StartupError('Settings: PGWAKE_TLS_CERT_FILE and PGWAKE_TLS_KEY_FILE must be given together.');
  }
  if ((tlsClientCert === 'off') !== (clientCa === undefined)) {
    throw new StartupError('Settings: PGWAKE_TLS_CLIENT_CERT and PGWAKE_TLS_CLIENT_CA_FILE must be given together.');
  }
  if (cert !== undefined && key !== undefined) return { cert, key, clientCa };
  if (clientCa === undefined) return undefined;
  throw new StartupError('Settings: PGWAKE_TLS_CLIENT_CERT makes sense only with PGWAKE_TLS_CERT_FILE.');
}

class WatchedCertificate implements CertificateStore {
  current: ServerCertificate;
  /** Of what was last looked at, good or bad, so that each is told once. */
  #seen: string;
  #settle: NodeJS.Timeout | undefined;
  readonly #watchers: readonly FSWatcher[];
  readonly #lookAgain: NodeJS.Timeout;

  constructor(
    private readonly files: CertificateFiles,
    private readonly settings: TlsSettings,
    private readonly observer: CertificateObserver,
  ) {
    try {
      const material = readMaterial(files);
      this.#seen = fingerprintOf(material);
      this.current = this.#make(material);
    } catch (error) {
      throw new StartupError(
        `The certificate ${files.cert} with the key ${files.key} cannot be used: ${messageOf(error)}.`,
        { cause: error },
      );
    }
    // A start that failed for this would serve nobody, not even those who do not verify.
    observer.onLoaded(this.current, explainInvalidity(this.current, Date.now()));
    // Directories, not files: a file that is replaced by renaming, or a symlink that is turned, takes its watcher along.
    const directories = new Set([files.cert, files.key, files.clientCa ?? files.cert].map((file) => dirname(file)));
    this.#watchers = [...directories].flatMap((directory) => this.#watch(directory));
    this.#lookAgain = setInterval(() => this.#refresh(), lookAgainEveryMs).unref();
  }

  close(): void {
    for (const watcher of this.#watchers) watcher.close();
    clearInterval(this.#lookAgain);
    clearTimeout(this.#settle);
  }

  /** Where watching fails, looking again now and then has to do. */
  #watch(directory: string): FSWatcher[] {
    const onError = (error: unknown) => this.observer.onBlind(messageOf(error));
    try {
      const watcher = watch(directory, { persistent: false }, () => {
        clearTimeout(this.#settle);
        this.#settle = setTimeout(() => this.#refresh(), settleMs).unref();
      });
      return [watcher.on('error', onError)];
    } catch (error) {
      onError(error);
      return [];
    }
  }

  /** Reads at once and to the end: the files are small, and an older pair can never overtake a newer one. */
  #refresh(): void {
    const material = this.#readAgain();
    if (material === undefined || !this.#isNews(fingerprintOf(material))) return;
    try {
      const certificate = this.#make(material);
      const invalid = explainInvalidity(certificate, Date.now());
      if (invalid !== undefined) throw new Error(invalid);
      this.current = certificate;
      this.observer.onLoaded(certificate, undefined);
    } catch (error) {
      this.observer.onRefused(messageOf(error));
    }
  }

  #readAgain(): CertificateMaterial | undefined {
    try {
      return readMaterial(this.files);
    } catch (error) {
      const why = messageOf(error);
      if (this.#isNews(why)) this.observer.onRefused(why);
      return undefined;
    }
  }

  #isNews(fingerprint: string): boolean {
    if (fingerprint === this.#seen) return false;
    this.#seen = fingerprint;
    return true;
  }

  #make(material: CertificateMaterial): ServerCertificate {
    const { tlsMinVersion: minVersion, tlsGroups: groups, tlsClientCert: clientCert } = this.settings;
    return createServerCertificate(material, { minVersion, groups, clientCert });
  }
}

function readMaterial({ cert, key, clientCa }: CertificateFiles): CertificateMaterial {
  return {
    cert: readFileSync(cert),
    key: readFileSync(key),
    clientCa: clientCa === undefined ? undefined : readFileSync(clientCa),
  };
}

function fingerprintOf({ cert, key, clientCa }: CertificateMaterial): string {
  const hashes = [cert, key, clientCa ?? ''].map((text) => createHash('sha256').update(text).digest('hex'));
  return hashes.join();
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
