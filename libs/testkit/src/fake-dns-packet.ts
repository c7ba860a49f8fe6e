// The few pages of DNS that a lying name server needs: one question in, one answer out (RFC 1035, section 4; RFC 3596 for
// AAAA). No name compression in questions, no EDNS, no other types.

import { isIPv6 } from 'node:net';

export type QuestionType = 'A' | 'AAAA' | 'other';

export interface Question {
  readonly id: number;
  /** Lower case, without the dot at the end. */
  readonly name: string;
  readonly type: QuestionType;
  /** As it came, to be sent back. */
  readonly section: Buffer;
}

export interface AnswerPacket {
  readonly responseCode: keyof typeof responseCodes;
  readonly truncated?: boolean;
  readonly addresses?: readonly string[];
  readonly ttlSeconds?: number;
}

const responseCodes = { noError: 0, serverFailure: 2, nameError: 3 } as const;
const typeCodes = { A: 1, AAAA: 28 } as const;
const headerBytes = 12;
const classInternet = 1;
/** A response, authoritative, recursion desired and available. */
const responseFlags = 0x8000 | 0x0400 | 0x0100 | 0x0080;
const truncatedFlag = 0x0200;
/** "The name is at byte 12", where that of the question stands. */
const pointerToQuestion = 0xc000 | headerBytes;

/** `undefined` for what is no question. */
export function parseQuestion(packet: Buffer): Question | undefined {
  const labels: string[] = [];
  let offset = headerBytes;
  for (;;) {
    const length = packet[offset];
    if (length === undefined || length > 63) return undefined;
    offset += 1;
    if (length === 0) break;
    labels.push(packet.toString('latin1', offset, offset + length));
    offset += length;
  }
  if (packet.length < offset + 4) return undefined;
  const code = packet.readUInt16BE(offset);
  return {
    id: packet.readUInt16BE(0),
    name: labels.join('.').toLowerCase(),
    type: code === typeCodes.A ? 'A' : code === typeCodes.AAAA ? 'AAAA' : 'other',
    section: packet.subarray(headerBytes, offset + 4),
  };
}

/** Only addresses of the type asked for go in; without any it says that the name exists and has none. */
export function encodeAnswer(question: Question, answer: AnswerPacket): Buffer {
  const { responseCode, truncated = false, addresses = [], ttlSeconds = 0 } = answer;
  const wanted = addresses.filter((address) => question.type === (isIPv6(address) ? 'AAAA' : 'A'));
  const flags = responseFlags | responseCodes[responseCode] | (truncated ? truncatedFlag : 0);
  const records = wanted.map((address) => encodeRecord(address, ttlSeconds));
  return Buffer.concat([encodeHeader(question.id, flags, wanted.length), question.section, ...records]);
}

/** Fits the question and cannot be read: the name of its one answer points at itself. */
export function encodeGarbage(question: Question): Buffer {
  const ownOffset = headerBytes + question.section.length;
  const pointer = Buffer.from([0xc0 | (ownOffset >> 8), ownOffset & 0xff]);
  return Buffer.concat([encodeHeader(question.id, responseFlags, 1), question.section, pointer]);
}

function encodeHeader(id: number, flags: number, answers: number): Buffer {
  const header = Buffer.alloc(headerBytes);
  header.writeUInt16BE(id, 0);
  header.writeUInt16BE(flags, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(answers, 6);
  return header;
}

function encodeRecord(address: string, ttlSeconds: number): Buffer {
  const data = isIPv6(address) ? encodeIpv6(address) : Buffer.from(address.split('.').map(Number));
  const record = Buffer.alloc(12);
  record.writeUInt16BE(pointerToQuestion, 0);
  record.writeUInt16BE(isIPv6(address) ? typeCodes.AAAA : typeCodes.A, 2);
  record.writeUInt16BE(classInternet, 4);
  record.writeUInt32BE(ttlSeconds, 6);
  record.writeUInt16BE(data.length, 10);
  return Buffer.concat([record, data]);
}

function encodeIpv6(address: string): Buffer {
  // URL knows all ways to write one, and writes it one way: hexadecimal groups, "::" at most once.
  const [head = '', tail] = new URL(`http://[${address}]/`).hostname.slice(1, -1).split('::');
  const groups = (text: string) => text.split(':').filter((group) => group !== '');
  const [front, back] = [groups(head), groups(tail ?? '')];
  const zeros = Array.from({ length: 8 - front.length - back.length }, () => '0');
  const bytes = Buffer.alloc(16);
  [...front, ...zeros, ...back].forEach((group, index) => bytes.writeUInt16BE(Number.parseInt(group, 16), 2 * index));
  return bytes;
}
