export { AnswerCache, type Answered } from './answer-cache.js';
export { orAbort } from './or-abort.js';
export {
  type PasswordCheck,
  type PasswordCheckDeps,
  type PasswordLogin,
  type PasswordProof,
  type ProvedPassword,
  createPasswordCheck,
} from './password-check.js';
export { KnownSecrets } from './known-secrets.js';
