// Names of the parts that have no class of their own, for Nest's container.

export const optionsToken = Symbol('ProxyOptions');
export const certificatesToken = Symbol('CertificateStore');
export const clientDoorToken = Symbol('ClientDoor');
export const logToken = Symbol('Logger');
export const registryToken = Symbol('MetricsRegistry');
export const metricsToken = Symbol('ProxyMetrics');
export const nodeCacheToken = Symbol('OpenNodeCache');
export const wakeClientToken = Symbol('WakeClient');
export const computeNetworkToken = Symbol('ComputeNetwork');
export const connectorToken = Symbol('Connector');
export const cancelKeysToken = Symbol('CancelKeys');
export const eventLoopWatchToken = Symbol('EventLoopWatch');
export const capacityToken = Symbol('capacity');
export const clientLimitsToken = Symbol('ClientLimits');
export const sessionObserverToken = Symbol('SessionObserver');
