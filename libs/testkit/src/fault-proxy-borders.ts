// Finds where Postgres messages end in a byte stream, so that a fault can strike exactly there. It judges nothing: a stream
// that is not Postgres, or is encrypted, has no borders from the point where that shows.

import { Buffer } from 'node:buffer';

export type Direction = 'up' | 'down';

/** What the two directions of one connection know of each other. */
export interface Talk {
  /** Requests for encryption whose answer, one byte without a length, is not there yet. */
  encryptionAnswersDue: number;
}

export interface Borders {
  /** How many of these next bytes lead up to the `count`-th border from here; all of them when it is further away. */
  find(bytes: Uint8Array, count: number): number;
  /** Moves past the bytes and gives the number of borders in them. A border is the end of a message, a startup packet or an
   * answer to a request for encryption. */
  pass(bytes: Uint8Array): number;
}

interface Place {
  readonly phase: 'startup' | 'frontend' | 'backend' | 'lost';
  /** The bytes of an unfinished header. */
  readonly header: readonly number[];
  readonly bodyLeft: number;
  readonly answersDue: number;
}

const sslRequestCode = 80877103;
const gssEncRequestCode = 80877104;
/** Postgres' own limit (src/include/libpq/pqcomm.h); a TLS handshake announces far more. */
const maxStartupBytes = 10_004;

export function createBorders(direction: Direction, talk: Talk): Borders {
  let place: Place = { phase: direction === 'up' ? 'startup' : 'backend', header: [], bodyLeft: 0, answersDue: 0 };
  const here = (): Place => ({ ...place, answersDue: talk.encryptionAnswersDue });

  return {
    find: (bytes, count) => walk(here(), bytes, count).offset,
    pass(bytes) {
      const walked = walk(here(), bytes, Infinity);
      place = walked.place;
      talk.encryptionAnswersDue = place.answersDue;
      return walked.borders;
    },
  };
}

/** Goes on from `place` until it has seen `limit` borders or all bytes. */
function walk(place: Place, bytes: Uint8Array, limit: number): { place: Place; offset: number; borders: number } {
  let offset = 0;
  let borders = 0;
  while (offset < bytes.length && borders < limit && place.phase !== 'lost') {
    if (place.bodyLeft > 0) {
      const step = Math.min(place.bodyLeft, bytes.length - offset);
      offset += step;
      place = { ...place, bodyLeft: place.bodyLeft - step };
    } else {
      place = takeHeaderByte(place, bytes[offset] ?? 0);
      offset += 1;
    }
    if (place.phase !== 'lost' && place.header.length === 0 && place.bodyLeft === 0) borders += 1;
  }
  return { place, offset: place.phase === 'lost' ? bytes.length : offset, borders };
}

function takeHeaderByte(place: Place, byte: number): Place {
  const header = [...place.header, byte];
  if (place.phase === 'backend' && place.answersDue > 0 && header.length === 1) {
    const declined = byte === 'N'.charCodeAt(0);
    return { ...place, phase: declined ? 'backend' : 'lost', answersDue: place.answersDue - 1 };
  }
  if (header.length < (place.phase === 'startup' ? 8 : 5)) return { ...place, header };
  const read = Buffer.from(header);
  if (place.phase !== 'startup') {
    const length = read.readUInt32BE(1);
    return length < 4 ? { ...place, phase: 'lost' } : { ...place, header: [], bodyLeft: length - 4 };
  }
  const [length, code] = [read.readUInt32BE(0), read.readUInt32BE(4)];
  if (length < 8 || length > maxStartupBytes) return { ...place, phase: 'lost' };
  if (code === sslRequestCode || code === gssEncRequestCode) {
    return { ...place, header: [], answersDue: place.answersDue + 1 };
  }
  return { ...place, phase: 'frontend', header: [], bodyLeft: length - 8 };
}
