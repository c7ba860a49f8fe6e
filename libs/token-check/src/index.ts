export { type KeyFetch, type KeyFetchSettings, createKeyFetch } from './key-fetch.js';
export { type TokenCheck, type TokenCheckDeps, type TokenLogin, createTokenCheck } from './token-check.js';
