// A SCRAM exchange without TLS, where no channel binding is offered, with a client that says anything.

import { clientFinalMessages, clientFirstMessages, honestClientFirst } from '@pgwake/hostile-bytes';
import { playExchange } from '../scram-exchange.ts';
import { type FuzzTarget, latin1 } from '../target.ts';

function run(input: Uint8Array): string {
  const text = Buffer.from(input).toString('latin1');
  const border = text.indexOf('\n');
  const first = border === -1 ? text : text.slice(0, border);
  const final = border === -1 ? '' : text.slice(border + 1);
  return playExchange(first, final, { mechanism: 'SCRAM-SHA-256', bindingHash: undefined });
}

const finals = ['c=biws,r={nonce},p={proof}', ...clientFinalMessages.map(({ write }) => write('{nonce}'))];

export const scramServerTarget: FuzzTarget = {
  name: 'scram-server',
  project: 'client-auth',
  share: 20,
  seeds: [
    ...clientFirstMessages.filter(({ text }) => text.length < 1_100).map(({ text }) => latin1(`${text}\n${finals[0]}`)),
    latin1('y,,n=,r=abc\nc=eSws,r={nonce},p={proof}'),
    ...finals.map((final) => latin1(`${honestClientFirst}\n${final}`)),
  ],
  words: ['n,,', 'y,,', 'p=', 'a=', 'm=', 'n=', 'r=', 'c=biws,', '{nonce}', '{proof}', ',x=1', '=2C', ',', '\n'].map(
    latin1,
  ),
  run,
  mustReach: [
    'client-first: malformed SCRAM message',
    'client-first: channel binding was not offered',
    'client-first: an authorization identity is not supported',
    'client-first: client requires an unsupported SCRAM extension',
    'client-final: malformed SCRAM message',
    'client-final: malformed proof in SCRAM message',
    'client-final: unexpected channel binding in SCRAM message',
    'client-final: SCRAM nonce does not match',
    'client-final: refused',
    'client-final: admitted',
  ],
};
