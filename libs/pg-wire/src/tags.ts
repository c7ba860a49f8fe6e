// The first byte of a message says what it is. https://www.postgresql.org/docs/current/protocol-message-formats.html

function ascii(letter: string): number {
  return letter.charCodeAt(0);
}

/** Messages of a server. */
export const backendTag = {
  authentication: ascii('R'),
  backendKeyData: ascii('K'),
  bindComplete: ascii('2'),
  closeComplete: ascii('3'),
  commandComplete: ascii('C'),
  copyBothResponse: ascii('W'),
  copyData: ascii('d'),
  copyDone: ascii('c'),
  copyInResponse: ascii('G'),
  copyOutResponse: ascii('H'),
  dataRow: ascii('D'),
  emptyQueryResponse: ascii('I'),
  errorResponse: ascii('E'),
  functionCallResponse: ascii('V'),
  negotiateProtocolVersion: ascii('v'),
  noData: ascii('n'),
  noticeResponse: ascii('N'),
  notificationResponse: ascii('A'),
  parameterDescription: ascii('t'),
  parameterStatus: ascii('S'),
  parseComplete: ascii('1'),
  portalSuspended: ascii('s'),
  readyForQuery: ascii('Z'),
  rowDescription: ascii('T'),
} as const;

/** Messages of a client. SASLInitialResponse, SASLResponse and PasswordMessage share one tag: only the order tells. */
export const frontendTag = {
  bind: ascii('B'),
  close: ascii('C'),
  copyData: ascii('d'),
  copyDone: ascii('c'),
  copyFail: ascii('f'),
  describe: ascii('D'),
  execute: ascii('E'),
  flush: ascii('H'),
  functionCall: ascii('F'),
  parse: ascii('P'),
  password: ascii('p'),
  query: ascii('Q'),
  sync: ascii('S'),
  terminate: ascii('X'),
} as const;
