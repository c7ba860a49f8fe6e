// A whole session after the handover: any bytes of both sides, interleaved in any way, told to two relays: one gets each piece
// whole, one byte by byte. Both must stand in the same state, pass on the same bytes, and speak to the client at a message
// border only, which a model finds by reading each stream as a whole.

import { type ByteDuplex, type DuplexSink, startRelay } from '@pgwake/relay';
import { type FuzzTarget, demand, latin1 } from '../target.ts';

const maxMessageLength = 0x3fff_ffff + 4;
const lastWords = latin1('E\0\0\0\x09bye!\0');

class MemoryDuplex implements ByteDuplex {
  sink: DuplexSink | undefined;
  readonly written: Uint8Array[] = [];
  ended = false;

  get text(): string {
    return Buffer.concat(this.written).toString('latin1');
  }
  attach(sink: DuplexSink): void {
    this.sink = sink;
  }
  detach(): void {
    this.sink = undefined;
  }
  write(bytes: Uint8Array): boolean {
    demand(!this.ended, 'written to after its end');
    this.written.push(bytes);
    return true;
  }
  pause(): void {}
  resume(): void {}
  end(): void {
    this.ended = true;
  }
  destroy(): void {
    this.ended = true;
  }
}

interface Piece {
  readonly by: 'client' | 'compute';
  readonly bytes: Uint8Array;
}

/** A piece is a byte (who speaks, and how much) and that many bytes. */
function readPieces(input: Uint8Array): Piece[] {
  const pieces: Piece[] = [];
  for (let at = 0; at < input.length;) {
    const head = input[at] ?? 0;
    const length = 1 + (head >>> 1);
    pieces.push({ by: head % 2 === 0 ? 'client' : 'compute', bytes: input.subarray(at + 1, at + 1 + length) });
    at += 1 + length;
  }
  return pieces;
}

interface Ending {
  readonly state: string;
  readonly toClient: string;
  readonly toCompute: string;
  readonly violation: 'client' | 'compute' | undefined;
}

function relayPieces(pieces: readonly Piece[], cut: (bytes: Uint8Array) => readonly Uint8Array[]): Ending {
  const client = new MemoryDuplex();
  const compute = new MemoryDuplex();
  let violation: Ending['violation'];
  const relay = startRelay({
    client,
    compute,
    lastWords: (loss) => {
      if (loss.kind === 'violation') violation = loss.by;
      return undefined;
    },
  });
  let lastSpoke: Ending['violation'];
  for (const { by, bytes } of pieces) {
    for (const chunk of cut(bytes)) {
      if (client.ended) break;
      lastSpoke = by;
      (by === 'client' ? client : compute).sink?.onBytes(chunk);
    }
  }
  const state = relay.state();
  if (client.ended) violation ??= lastSpoke;
  else relay.finish(lastWords);
  return { state, toClient: client.text, toCompute: compute.text, violation };
}

/** Who breaks the framing first, and whether the compute's stream ends between two messages. */
function readStreams(pieces: readonly Piece[]): { violation: Ending['violation']; computeAtBorder: boolean } {
  const streams = { client: '', compute: '' };
  for (const { by, bytes } of pieces) {
    streams[by] += Buffer.from(bytes).toString('latin1');
    const end = endOf(latin1(streams[by]));
    if (end === 'violation') return { violation: by, computeAtBorder: false };
  }
  return { violation: undefined, computeAtBorder: endOf(latin1(streams.compute)) === 'border' };
}

function endOf(stream: Buffer): 'violation' | 'border' | 'inside' {
  let at = 0;
  while (stream.length - at >= 5) {
    const length = stream.readUInt32BE(at + 1);
    if (length < 4 || length > maxMessageLength) return 'violation';
    at += 1 + length;
  }
  return at === stream.length ? 'border' : 'inside';
}

function run(input: Uint8Array): string {
  const pieces = readPieces(input);
  const model = readStreams(pieces);
  const whole = relayPieces(pieces, (bytes) => (bytes.length === 0 ? [] : [bytes]));
  const single = relayPieces(pieces, (bytes) => Array.from(bytes, (byte) => Uint8Array.of(byte)));
  demand(
    whole.violation === model.violation,
    `${whole.violation} broke the rules, and the model says ${model.violation}`,
  );
  demand(single.violation === model.violation, `byte by byte ${single.violation} broke the rules`);
  if (model.violation !== undefined) return `violation by the ${model.violation}`;

  demand(single.state === whole.state, `${single.state} byte by byte, ${whole.state} in whole pieces`);
  const sent = (by: Piece['by']): string =>
    pieces.flatMap((piece) => (piece.by === by ? [Buffer.from(piece.bytes).toString('latin1')] : [])).join('');
  const toClient = sent('compute') + (model.computeAtBorder ? lastWords.toString('latin1') : '');
  for (const { toClient: heardByClient, toCompute } of [whole, single]) {
    demand(toCompute === sent('client'), 'the compute got other bytes than the client sent');
    demand(heardByClient === toClient, 'the client got other bytes than it should');
  }
  return whole.state;
}

const message = (tag: string, body = ''): string => `${tag}\0\0\0${String.fromCharCode(body.length + 4)}${body}`;
const client = (...messages: string[]): string => pieceOf(0, messages.join(''));
const compute = (...messages: string[]): string => pieceOf(1, messages.join(''));
const pieceOf = (side: number, text: string): string => String.fromCharCode(((text.length - 1) << 1) + side) + text;

export const relayTarget: FuzzTarget = {
  name: 'relay',
  project: 'relay',
  share: 10,
  seeds: [
    client(message('Q', 'select\0')) + compute(message('T'), message('D'), message('C'), message('Z', 'I')),
    client(message('Q', 'begin\0')) + compute(message('C'), message('Z', 'T')),
    client(message('Q', 'x\0')) + compute(message('E', '\0'), message('Z', 'E')),
    client(message('P'), message('B'), message('E'), message('S')) + compute(message('1'), message('2')),
    client(message('Q')) + compute(message('G')) + client(message('d', 'row'), message('c')),
    client(message('Q')) + compute(message('H'), message('d', 'row')),
    client(message('Q')) + compute(message('W')) + client(message('d')) + compute(message('c')),
    compute(message('N', 'notice'), message('A'), message('S')) + client(message('X')),
  ].map(latin1),
  words: [...'QPBDECSHFXdcf'].flatMap((tag) => [client(message(tag)), compute(message(tag))]).map(latin1),
  run,
  mustReach: [
    'idle',
    'inTransaction',
    'inFailedTransaction',
    'inQuery',
    'inCopyIn',
    'inCopyOut',
    'inCopyBoth',
    'violation by the client',
    'violation by the compute',
  ],
};
