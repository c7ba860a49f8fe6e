export { type ComputeDriverCase, computeDriverContract, type ComputeDriverLab } from './compute-driver-contract.js';
export { type LeakCheck, startLeakCheck } from './leak-check.js';
export {
  ClientLeft,
  type Counters,
  type ScriptedConnection,
  type ServerCertificate,
  type Step,
  createScriptedConnection,
} from './scripted-connection.js';
export { SocketLine, forEachAtOnce, playHostileClient } from './hostile-play.js';
export { scriptHostileCompute } from './hostile-script.js';
export {
  type ScriptedPostgres,
  type ScriptedPostgresOptions,
  type Seen,
  startScriptedPostgres,
} from './scripted-postgres.js';
export * as steps from './scripted-steps.js';
export {
  type ScriptedWake,
  type ScriptedWakeOptions,
  type WakeCall,
  type WakeReply,
  startScriptedWake,
} from './scripted-wake.js';
export { type PasswordLogin, makePasswordLogin } from './password-login.js';
export { createUnlimitedVisit } from './unlimited-visit.js';
export { waitFor } from './wait-for.js';
export { startTestPostgres, type TestPostgres, type TestPostgresOptions, type TestRole } from './postgres.js';
export { type EndpointConnection, type EndpointView, System, type SystemOptions, type TestEndpoint } from './system.js';
export { type AppName, type Settings, SystemApp } from './system-app.js';
export { Storm, type StormOptions } from './system-storm.js';
export type { ClientOutcome } from './system-storm-clients.js';
export { findFreePort } from './free-port.js';
export { type PortSettings, findFreePortSettings } from './free-port-settings.js';
export { type BlackHole, startBlackHole } from './black-hole.js';
export { type DnsReply, type FakeDns, type FakeDnsOptions, startFakeDns } from './fake-dns.js';
export { type FaultProxy, type FaultProxyOptions, startFaultProxy } from './fault-proxy.js';
export type { Faults } from './fault-proxy-connection.js';
export type { FaultPoint, LaneFault } from './fault-proxy-lane.js';
export { findRedisServer, skipWithoutRedis } from './redis-binary.js';
export type { RedisBinary } from './redis-fetch.js';
export { startTestRedis, type TestRedis, type TestRedisOptions } from './redis.js';
