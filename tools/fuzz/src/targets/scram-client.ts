// A SCRAM exchange with a server that says anything: no such server is believed. In the input `{nonce}` stands for the nonce
// of the client.

import { createScramClient } from '@pgwake/client-auth';
import { type FuzzTarget, demand, latin1 } from '../target.ts';

const keys = { clientKey: new Uint8Array(32).fill(1), serverKey: new Uint8Array(32).fill(2) };
const wrongSignature = `v=${Buffer.alloc(32, 3).toString('base64')}`;
const serverFirstGrammar =
  /^r=([\x21-\x2b\x2d-\x7e]+),s=([A-Za-z0-9+/]+={0,2}),i=([1-9][0-9]{0,9})(?:,[A-Za-z]=[^,]*)*$/;

async function run(input: Uint8Array): Promise<string> {
  const text = Buffer.from(input).toString('latin1');
  const client = createScramClient(keys);
  const nonce = Buffer.from(client.first()).toString('latin1').replace(/^.*r=/, '');
  const [first = '', final = ''] = text.replaceAll('{nonce}', nonce).split('\n', 2);

  demand(!client.verify(latin1(final)), 'it believes a server before it was challenged');
  const answer = await client.final(latin1(first));
  const parts = first.length <= 1024 && !first.includes('\0') ? serverFirstGrammar.exec(first) : null;
  const [, saidNonce = '', salt = ''] = parts ?? [];
  const keepsRules =
    saidNonce.startsWith(nonce) && saidNonce !== nonce && Buffer.from(salt, 'base64').toString('base64') === salt;
  const expected = keepsRules && salt !== '' ? 'final' : 'violation';
  demand(answer.kind === expected, `${answer.kind}, and the grammar says ${expected}`);
  demand(!client.verify(latin1(final)), 'it believes a server that cannot know the keys');
  return answer.kind === 'violation' ? `server-first: ${answer.what}` : 'server-final: not believed';
}

export const scramClientTarget: FuzzTarget = {
  name: 'scram-client',
  project: 'client-auth',
  share: 10,
  seeds: [
    `r={nonce}SERVER,s=QUJD,i=4096\n${wrongSignature}`,
    'r={nonce}SERVER,s=QUJD,i=2147483648\ne=other-error',
    'r={nonce},s=QUJD,i=1\nv=',
    'r=SERVER,s=QUJD,i=1\n',
    'm=x,r={nonce}SERVER,s=QUJD,i=1\n',
  ].map(latin1),
  words: ['r=', 's=', 'i=', 'v=', 'e=', '{nonce}', 'QUJD', '=', ',', '\n', '0', '9'].map(latin1),
  run,
  mustReach: [
    'server-first: malformed SCRAM message',
    'server-first: SCRAM nonce does not match',
    'server-final: not believed',
  ],
};
