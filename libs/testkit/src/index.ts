export { type LeakCheck, startLeakCheck } from './leak-check.js';
export { ClientLeft, type ScriptedConnection, type Step } from './scripted-connection.js';
export {
  type ScriptedPostgres,
  type ScriptedPostgresOptions,
  type Seen,
  startScriptedPostgres,
} from './scripted-postgres.js';
export * as steps from './scripted-steps.js';
export { waitFor } from './wait-for.js';
export { startTestPostgres, type TestPostgres, type TestPostgresOptions, type TestRole } from './postgres.js';
export { type AppName, type EndpointView, System, type SystemOptions, type TestEndpoint } from './system.js';
