// The first packet of a connection, beside a model that reads it with a regular expression.

import { isUtf8 } from 'node:buffer';
import { startupPackets } from '@pgwake/hostile-bytes';
import { type Parsed, type StartupRequest, parseStartupRequest } from '@pgwake/pg-wire';
import { type FuzzTarget, demand, hashOf, latin1 } from '../target.ts';

const codes: Readonly<Record<number, string>> = { 80_877_102: 'cancel', 80_877_103: 'ssl', 80_877_104: 'gssenc' };
const parameterList = /^(?:[^\0]+\0[^\0]*\0)*\0$/;

function stateOf(parsed: Parsed<StartupRequest>): string {
  return parsed.kind === 'value' ? parsed.value.kind : parsed.kind;
}

/** What an honest reading of the manual gives. */
function expectedState(input: Buffer): string {
  if (input.length < 4) return 'incomplete';
  const length = input.readUInt32BE(0);
  if (length < 8 || length > 10_004) return 'violation';
  if (input.length < length) return 'incomplete';
  const code = input.readUInt32BE(4);
  const body = input.subarray(8, length);
  const request = codes[code];
  if (request === 'cancel') return body.length >= 8 && body.length <= 260 ? request : 'violation';
  if (request !== undefined) return body.length === 0 ? request : 'violation';
  const text = body.toString('latin1');
  if (code >>> 16 !== 3 || !parameterList.test(text) || !isUtf8(body)) return 'violation';
  const fields = text.slice(0, -2).split('\0');
  const names = text === '\0' ? [] : fields.filter((_, index) => index % 2 === 0);
  const user = names.indexOf('user');
  return new Set(names).size === names.length && user !== -1 && fields[2 * user + 1] !== '' ? 'startup' : 'violation';
}

function run(input: Uint8Array): string {
  const parsed = parseStartupRequest(input);
  const state = stateOf(parsed);
  const expected = expectedState(Buffer.from(input));
  demand(state === expected, `${state}, and the model says ${expected}`);

  const cut = hashOf(input) % (input.length + 1);
  const early = stateOf(parseStartupRequest(input.subarray(0, cut)));
  demand(early === 'incomplete' || early === state, `${early} after ${cut} bytes, ${state} after all`);
  if (parsed.kind === 'value') demand(parsed.consumed <= input.length, `consumed ${parsed.consumed}`);
  return parsed.kind === 'violation' ? `violation: ${parsed.what.replace(/ [0-9.]+$/, '')}` : state;
}

function withTrueLength(input: Uint8Array): Uint8Array {
  if (input.length < 8) return input;
  const repaired = Buffer.from(input);
  repaired.writeUInt32BE(repaired.length, 0);
  return repaired;
}

export const startupTarget: FuzzTarget = {
  name: 'startup',
  project: 'pg-wire',
  share: 25,
  seeds: startupPackets.map(({ bytes }) => bytes).filter(({ length }) => length < 600),
  words: ['user\0', 'database\0', 'options\0', 'replication\0', '_pq_.', '\0\0', '\xff', '\xc3\xa4'].map(latin1),
  repair: withTrueLength,
  run,
  mustReach: [
    'incomplete',
    'ssl',
    'gssenc',
    'cancel',
    'startup',
    'violation: invalid length of startup packet',
    'violation: invalid length of SSL request',
    'violation: invalid length of GSS encryption request',
    'violation: invalid length of cancel request',
    'violation: unsupported frontend protocol',
    'violation: startup packet has no terminator',
    'violation: startup packet has a parameter without a value',
    'violation: startup packet is not valid UTF-8',
    'violation: startup packet has a parameter twice',
    'violation: startup packet goes on after its terminator',
    'violation: no PostgreSQL user name specified in startup packet',
  ],
};
