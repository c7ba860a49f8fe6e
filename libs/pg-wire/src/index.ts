export { concatBytes } from './bytes.js';
export type { Decoded, Parsed, Violation } from './parsed.js';
export { backendTag, frontendTag } from './tags.js';
export {
  type StartupParameters,
  type StartupRequest,
  encodeCancelRequest,
  encodeGssEncRequest,
  encodeSslRequest,
  encodeStartupMessage,
  parseStartupRequest,
} from './startup.js';
export { type MessageReader, type WireMessage, createMessageReader } from './message-reader.js';
export { MessageScanner, type Scan } from './message-scanner.js';
export { FrontendWriter } from './frontend-writer.js';
export { encodeMessage } from './encode-message.js';
export {
  type Authentication,
  type BackendKey,
  type ParameterStatus,
  type TransactionStatus,
  encodeAuthenticationCleartextPassword,
  encodeAuthenticationOk,
  encodeAuthenticationSasl,
  encodeAuthenticationSaslContinue,
  encodeAuthenticationSaslFinal,
  encodeBackendKeyData,
  encodeCommandComplete,
  encodeDataRow,
  encodeNegotiateProtocolVersion,
  encodeParameterStatus,
  encodeReadyForQuery,
  encodeRowDescription,
  isParameterStatus,
  parseAuthentication,
  parseBackendKeyData,
  parseDataRow,
  parseParameterStatus,
  parseReadyForQuery,
} from './backend-messages.js';
export {
  type ErrorFields,
  type ErrorTexts,
  encodeErrorResponse,
  encodeNoticeResponse,
  parseErrorFields,
} from './error-fields.js';
export {
  type SaslInitialResponse,
  encodePasswordMessage,
  encodeQuery,
  encodeSaslInitialResponse,
  encodeSaslResponse,
  encodeTerminate,
  parsePasswordMessage,
  parseSaslInitialResponse,
} from './frontend-messages.js';
