// A SCRAM exchange over TLS, where channel binding is offered, with a client that says anything. The first line of the input
// is `PLUS` when it chose the mechanism with binding.

import { playExchange, rightHash } from '../scram-exchange.ts';
import { type FuzzTarget, latin1 } from '../target.ts';

const bound = 'p=tls-server-end-point,,n=,r=abc';
const plain = 'n,,n=,r=abc';
const proved = ',r={nonce},p={proof}';
const wrongProof = ',r={nonce},p=AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=';

function run(input: Uint8Array): string {
  const [choice = '', first = '', ...rest] = Buffer.from(input).toString('latin1').split('\n');
  const mechanism = choice === 'PLUS' ? 'SCRAM-SHA-256-PLUS' : 'SCRAM-SHA-256';
  const state = playExchange(first, rest.join('\n'), { mechanism, bindingHash: rightHash });
  return choice === 'PLUS' ? `PLUS, ${state}` : state;
}

export const scramPlusTarget: FuzzTarget = {
  name: 'scram-plus',
  project: 'client-auth',
  share: 20,
  seeds: [
    `PLUS\n${bound}\nc={binding}${proved}`,
    `PLUS\n${bound}\nc={binding}${wrongProof}`,
    `PLUS\n${bound}\nc={other}${proved}`,
    `PLUS\n${bound}\nc=biws${proved}`,
    `PLUS\n${bound}\nc=${proved}`,
    `PLUS\np=tls-unique,,n=,r=abc\nc={binding}${proved}`,
    `PLUS\np=,,n=,r=abc\nc={binding}${proved}`,
    `PLUS\n${plain}\nc=biws${proved}`,
    `PLUS\ny,,n=,r=abc\nc=eSws${proved}`,
    `PLUS\np=tls-server-end-point,a=other,n=,r=abc\nc={binding}${proved}`,
    `\n${plain}\nc=biws${proved}`,
    `\n${plain}\nc={other}${proved}`,
    `\n${plain}\nc=biws${wrongProof}`,
    `\ny,,n=,r=abc\nc=eSws${proved}`,
    `\n${bound}\nc={binding}${proved}`,
  ].map(latin1),
  words: [
    'PLUS\n',
    'p=tls-server-end-point',
    'p=tls-unique',
    'n,,',
    'y,,',
    'c=',
    'c={binding}',
    'c={other}',
    'c=biws',
    '{nonce}',
    '{proof}',
    ',a=b',
    ',',
    '\n',
  ].map(latin1),
  run,
  mustReach: [
    'PLUS, client-first: malformed SCRAM message',
    'PLUS, client-first: the mechanism with channel binding was chosen without channel binding',
    'PLUS, client-first: unsupported kind of channel binding',
    'PLUS, client-first: an authorization identity is not supported',
    'PLUS, client-final: SCRAM channel binding check failed',
    'PLUS, client-final: SCRAM nonce does not match',
    'PLUS, client-final: malformed proof in SCRAM message',
    'PLUS, client-final: refused',
    'PLUS, client-final: admitted',
    'client-first: SCRAM channel binding negotiation error',
    'client-first: channel binding without its mechanism',
    'client-final: unexpected channel binding in SCRAM message',
    'client-final: refused',
    'client-final: admitted',
  ],
};
