// SASLprep (RFC 4013) of a password exactly as Postgres does it (pg_saslprep in src/common/saslprep.c), so that a
// password hashed here fits one hashed by Postgres and by libpq. What RFC 4013 would refuse, Postgres takes as it is.

import { isLeftToRight, isRightToLeft, isUnassigned } from './stringprep-tables.js';

/** Table C.1.2; Postgres looks here first, so U+200B becomes a space though B.1 lists it too. */
const nonAsciiSpace = /[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/gu;

/** Table B.1. */
const mappedToNothing = /[\u00ad\u034f\u1806\u180b-\u180d\u200c\u200d\u2060\ufe00-\ufe0f\ufeff]/gu;

/** Tables C.2.1 to C.9; the spaces of C.1.2 are plain ones by then. */
const prohibitedRanges = [
  '\\u{0}-\\u{1f}\\u{7f}', // C.2.1
  '\\u{80}-\\u{9f}\\u{6dd}\\u{70f}\\u{180e}\\u{200c}\\u{200d}\\u{2028}\\u{2029}\\u{2060}-\\u{2063}', // C.2.2
  '\\u{206a}-\\u{206f}\\u{feff}\\u{fff9}-\\u{fffc}\\u{1d173}-\\u{1d17a}', // C.2.2
  '\\u{e000}-\\u{f8ff}\\u{f0000}-\\u{ffffd}\\u{100000}-\\u{10fffd}', // C.3
  '\\p{Noncharacter_Code_Point}', // C.4
  '\\u{d800}-\\u{dfff}', // C.5
  '\\u{fffd}\\u{2ff0}-\\u{2ffb}', // C.6, C.7
  '\\u{340}\\u{341}\\u{200e}\\u{200f}\\u{202a}-\\u{202e}', // C.8
  '\\u{e0001}\\u{e0020}-\\u{e007f}', // C.9
];
const prohibited = new RegExp(`[${prohibitedRanges.join('')}]`, 'u');

/** The text to hash. Pure ASCII comes back unchanged, control characters included. */
export function saslprep(password: string): string {
  if (/^[\x00-\x7f]*$/.test(password)) return password;
  const mapped = password.replace(nonAsciiSpace, ' ').replace(mappedToNothing, '');
  // Postgres checks the text before it is normalised, RFC 4013 afterwards.
  const codePoints = Array.from(mapped, (character) => character.codePointAt(0) ?? 0);
  const refused = codePoints.length === 0 || prohibited.test(mapped) || codePoints.some(isUnassigned);
  return refused || mixesDirections(codePoints) ? password : mapped.normalize('NFKC');
}

/**
 * RFC 3454, section 6: text with right-to-left letters has no left-to-right ones, and begins and ends with the
 * former.
 */
function mixesDirections(codePoints: readonly number[]): boolean {
  if (!codePoints.some(isRightToLeft)) return false;
  return (
    codePoints.some(isLeftToRight) || ![codePoints.at(0), codePoints.at(-1)].every((end) => isRightToLeft(end ?? 0))
  );
}
