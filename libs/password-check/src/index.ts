export { AnswerCache, type Answered } from './answer-cache.js';
export { orAbort } from './or-abort.js';
export {
  type PasswordCheck,
  type PasswordCheckDeps,
  type PasswordLogin,
  type PasswordProof,
  createPasswordCheck,
} from './password-check.js';
