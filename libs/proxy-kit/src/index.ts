export { type ClientDoor } from './lifecycle.js';
export { observeJourney, toJourneyKeys } from './journey-log.js';
export { type OpenNodeCache } from './node-cache.js';
export { type IsLoadBalancer, loadLoadBalancers } from './load-balancers.js';
export { peerOf } from './peer.js';
export { type ProxyOptions, createProxyProviders } from './proxy-providers.js';
export { type ProxySettings, proxySettings } from './proxy-settings.js';
export { type CertificateObserver, type CertificateStore, openCertificateStore } from './certificate-store.js';
export type { ServerCertificate } from './server-certificate.js';
export { type TlsOptions, startTls } from './start-tls.js';
export { readProxyHeader } from './read-proxy-header.js';
export { bareDomain } from './bare-domain.js';
export { type SessionParts, type SessionSettings, createSessionDeps, sessionSettings } from './sessions.js';
export { systemClock } from './system-clock.js';
export {
  certificatesToken,
  clientDoorToken,
  cancelKeysToken,
  clientLimitsToken,
  computeNetworkToken,
  connectorToken,
  logToken,
  metricsToken,
  nodeCacheToken,
  registryToken,
  sessionObserverToken,
  wakeClientToken,
} from './tokens.js';
