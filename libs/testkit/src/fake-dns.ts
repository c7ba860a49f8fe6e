// A name server on loopback that says what a test wants said, the truth included. UDP only: after a truncated answer there
// is no TCP to turn to. For `new Resolver()` with `setServers([dns.server])`; it needs no root.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type QuestionType, encodeAnswer, encodeGarbage, parseQuestion, type Question } from './fake-dns-packet.js';

export type DnsReply =
  /** IPv4 and IPv6 mixed; each question gets those of its type. TTL 0 by default. */
  | { readonly kind: 'addresses'; readonly addresses: readonly string[]; readonly ttlSeconds?: number }
  /** NXDOMAIN. */
  | { readonly kind: 'nameError' }
  /** SERVFAIL. */
  | { readonly kind: 'serverFailure' }
  | { readonly kind: 'truncated' }
  | { readonly kind: 'garbage' }
  | { readonly kind: 'silence' };

export interface FakeDnsOptions {
  /** By name, in lower case and without the dot at the end. Names that are not in it do not exist. */
  readonly zone?: Readonly<Record<string, DnsReply>>;
}

export interface FakeDns {
  /** `127.0.0.1:port`, as `setServers` takes it. */
  readonly server: string;
  readonly port: number;
  /** Every question so far, repeats included. */
  readonly questions: readonly { readonly name: string; readonly type: QuestionType }[];
  /** What came of them: how often each kind of reply was given. */
  readonly replies: Readonly<Record<DnsReply['kind'], number>>;
  questionsFor(name: string): number;
  /** From the next question on. */
  reply(name: string, reply: DnsReply): void;
  stop(): Promise<void>;
}

export async function startFakeDns(options: FakeDnsOptions = {}): Promise<FakeDns> {
  const zone = new Map(Object.entries(options.zone ?? {}));
  const questions: { name: string; type: QuestionType }[] = [];
  const replies = { addresses: 0, nameError: 0, serverFailure: 0, truncated: 0, garbage: 0, silence: 0 };

  const socket = createSocket('udp4', (packet, from) => {
    const question = parseQuestion(packet);
    if (question === undefined) return;
    const reply = zone.get(question.name) ?? { kind: 'nameError' };
    questions.push({ name: question.name, type: question.type });
    replies[reply.kind] += 1;
    const answer = encodeReply(question, reply);
    if (answer !== undefined) socket.send(answer, from.port, from.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();

  return {
    server: `127.0.0.1:${port}`,
    port,
    questions,
    replies,
    questionsFor: (name) => questions.filter((question) => question.name === name).length,
    reply: (name, reply) => void zone.set(name, reply),
    async stop() {
      const closed = once(socket, 'close');
      socket.close();
      await closed;
    },
  };
}

function encodeReply(question: Question, reply: DnsReply): Buffer | undefined {
  switch (reply.kind) {
    case 'addresses':
      return encodeAnswer(question, { responseCode: 'noError', ...reply });
    case 'nameError':
    case 'serverFailure':
      return encodeAnswer(question, { responseCode: reply.kind });
    case 'truncated':
      return encodeAnswer(question, { responseCode: 'noError', truncated: true });
    case 'garbage':
      return encodeGarbage(question);
    case 'silence':
      return undefined;
  }
}
