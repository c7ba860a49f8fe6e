export {
  type PasswordCheck,
  type PasswordCheckDeps,
  type PasswordLogin,
  createPasswordCheck,
} from './password-check.js';
