export { type SettingSpec, type SettingSpecs, type SettingsOf, loadSettings, setting } from './settings.js';
export { StartupError } from './startup-error.js';
export { systemClock } from './system-clock.js';
export { Readiness } from './readiness.js';
export { type OpsServer, type OpsServerOptions, startOpsServer } from './ops-server.js';
export { listen } from './listen.js';
export { type RunningApp, runApp } from './run-app.js';
export { nestLogger } from './nest-logger.js';
export { type NodeSharing, nodeCacheSettings, readNodeSharing } from './node-cache-settings.js';
