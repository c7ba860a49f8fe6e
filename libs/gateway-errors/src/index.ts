export { type Blame, type LogLevel, type Severity, blames } from './vocabulary.js';
export {
  type AddressVerdict,
  type CatalogueEntry,
  type DialVerdict,
  type ErrorCode,
  catalogue,
  errorCodes,
} from './catalogue.js';
export { type GatewayErrorOptions, GatewayError, isGatewayError } from './gateway-error.js';
export { type PostgresErrorFields, type HttpErrorBody, toErrorResponse, toHttpBody } from './render.js';
