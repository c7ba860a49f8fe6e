// What becomes of the TLS certificate, in the log and in the metrics.

import type { Logger, ProxyMetrics } from '@pgwake/telemetry';
import type { CertificateObserver } from './certificate-store.js';

export function createCertificateLog(log: Logger, metrics: ProxyMetrics): CertificateObserver {
  return {
    onLoaded({ leaf }, invalid) {
      metrics.certificateLoads.inc({ outcome: 'loaded' });
      metrics.certificateNotAfter.set({ certificate: 'server' }, Date.parse(leaf.validTo) / 1000);
      log.info({ subject: leaf.subject, validTo: leaf.validTo }, 'TLS certificate loaded');
      if (invalid !== undefined) log.warn({ detail: invalid }, 'clients that verify the TLS certificate refuse it');
    },
    onRefused(why) {
      metrics.certificateLoads.inc({ outcome: 'refused' });
      log.error({ detail: why }, 'the new TLS certificate cannot be used; the old one stays');
    },
    onBlind(why) {
      log.warn({ detail: why }, 'changes of the TLS certificate are noticed late: its directory cannot be watched');
    },
  };
}
