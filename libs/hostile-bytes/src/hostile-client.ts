// A client that breaks the rules, written down: what it says, and what becomes of it. The same entry is told to the gateway
// and to a real Postgres.

import { readInt32 } from './bytes.js';
import type { Feeding } from './feeding.js';

export interface HostileClient {
  readonly name: string;
  /**
   * What it says, turn by turn: each goes out when the one before was answered, and after the last one the client
   * half-closes. A function gets all that was heard so far.
   */
  readonly turns: readonly Turn[];
  /** When each turn arrives in one piece. */
  readonly expected: Verdict;
  /** Given where a cut may turn the entry into another client, as bytes that come late are no bytes that came early. */
  readonly ifCut?: Verdict;
  /** Given where Postgres does otherwise on purpose. */
  readonly postgres?: Difference;
}

export type Turn = Uint8Array | ((heard: Uint8Array) => Uint8Array | Promise<Uint8Array>);

/**
 * `closed`: not a word to the last turn. `declined`: N to an encryption request. `accepted`: asked to authenticate;
 * `accepted as 3.0`: the same, after another version was negotiated. `challenged`, `admitted`: SCRAM went on, or through.
 * Everything else is an error: SQLSTATE and text.
 */
export type Verdict = string;

export interface Difference {
  /** What Postgres makes of it: a verdict, of an error the SQLSTATE alone. */
  readonly verdict: Verdict;
  readonly why: string;
}

/** What may become of an entry however it is cut. */
export function possibleVerdicts({ expected, ifCut }: HostileClient): readonly Verdict[] {
  return ifCut === undefined ? [expected] : [expected, ifCut];
}

/** What Postgres makes of an entry, errors by SQLSTATE: its texts are its own. */
export function postgresVerdict({ expected, postgres }: HostileClient): Verdict {
  return postgres?.verdict ?? withoutText(expected);
}

export function withoutText(verdict: Verdict): Verdict {
  return verdict.replace(/^([0-9A-Z]{5}) .*$/s, '$1');
}

/** The length of the longest turn, for choosing where to cut. */
export async function longestTurn({ turns }: HostileClient): Promise<number> {
  const nothing = new Uint8Array(0);
  const said = await Promise.all(turns.map(async (turn) => (typeof turn === 'function' ? turn(nothing) : turn)));
  return Math.max(...said.map(({ length }) => length));
}

/** The client's end of a connection. */
export interface Line {
  /** Resolves once the other side had the chance to read these bytes alone. */
  say(bytes: Uint8Array): Promise<void>;
  /** Half-closes. */
  hangUp(): void;
  heard(): Uint8Array;
  /** Resolves when there is more to hear; `false`: the other side has ended. */
  more(): Promise<boolean>;
}

/** Plays the client against the other end of `line` until that one closes. */
export async function converse(line: Line, client: HostileClient, feeding: Feeding): Promise<Verdict> {
  for (const [index, turn] of client.turns.entries()) {
    const bytes = typeof turn === 'function' ? await turn(line.heard()) : turn;
    for (const chunk of feeding.cut(bytes)) await line.say(chunk);
    if (index === client.turns.length - 1) break;
    while (readAnswers(line.heard()).length <= index) {
      if (!(await line.more())) return readVerdict(line.heard(), client.turns.length);
    }
  }
  line.hangUp();
  while (await line.more());
  return readVerdict(line.heard(), client.turns.length);
}

const authenticationOk = 0;
const saslContinue = 11;
const saslFinal = 12;

function readVerdict(heard: Uint8Array, turns: number): Verdict {
  const answers = readAnswers(heard);
  const last = answers.at(-1);
  if (last === undefined) return 'closed';
  if (/^[0-9A-Z]{5} /.test(last) || last === 'admitted') return last;
  return answers.length < turns ? 'closed' : last;
}

/** The answers among what a server said, each as a verdict. What follows an admission is not read. */
function readAnswers(heard: Uint8Array): Verdict[] {
  const answers: Verdict[] = [];
  let negotiated = '';
  for (let at = 0; at < heard.length;) {
    const tag = String.fromCharCode(heard[at] ?? 0);
    if (tag === 'N' || tag === 'S') {
      answers.push(tag === 'N' ? 'declined' : 'encrypted');
      at += 1;
      continue;
    }
    const end = at + 1 + readInt32(heard, at + 1);
    if (end > heard.length) break;
    const body = heard.subarray(at + 5, end);
    if (tag === 'v') negotiated = ` as ${readInt32(body, 0) >>> 16}.${readInt32(body, 0) & 0xffff}`;
    else if (tag === 'E') answers.push(readError(body));
    else if (tag === 'R') {
      const method = readInt32(body, 0);
      if (method === authenticationOk) return [...answers, 'admitted'];
      if (method === saslContinue) answers.push('challenged');
      else if (method !== saslFinal) answers.push(`accepted${negotiated}`);
    }
    at = end;
  }
  return answers;
}

function readError(body: Uint8Array): Verdict {
  const fields = new Map(
    new TextDecoder()
      .decode(body)
      .split('\0')
      .map((field) => [field.slice(0, 1), field.slice(1)]),
  );
  return `${fields.get('C') ?? '?????'} ${fields.get('M') ?? ''}`;
}
