export { type WakeClient, type WakeClientSettings, type WakeClientTls, createWakeClient } from './wake-client.js';
