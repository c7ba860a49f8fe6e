// The startup parameter `options`, out of which the name of the endpoint is taken. What is left must hold no name any more,
// otherwise two readers of it would see two endpoints.

import { identify } from '@pgwake/client-auth';
import { type FuzzTarget, demand, latin1 } from '../target.ts';

function claimOf(options: string) {
  return identify({ parameters: [['options', options]], domains: ['localhost'] });
}

function run(input: Uint8Array): string {
  const claim = claimOf(Buffer.from(input).toString('latin1'));
  if (claim.kind === 'refused') return `refused: ${claim.error.code}`;
  const rest = claim.parameters.find(([name]) => name === 'options')?.[1] ?? '';
  const again = claimOf(rest);
  demand(again.kind === 'unnamed', `what is left names an endpoint: ${JSON.stringify(rest)}`);
  return rest === '' ? claim.kind : `${claim.kind}, with other options`;
}

export const endpointOptionsTarget: FuzzTarget = {
  name: 'endpoint-options',
  project: 'client-auth',
  share: 10,
  seeds: [
    '',
    'endpoint=demo',
    '-c a=b endpoint=demo -c c=d',
    'endpoint=demo endpoint=other',
    '-c endpoint=demo',
    'endpoint=UPPER_case',
    '-- endpoint=demo',
    '\\ endpoint=demo\\',
  ].map(latin1),
  words: ['endpoint=', 'demo', '-c', '--', ' ', '\\', '\t', '\v', '\xa0', '=', '-ec'].map(latin1),
  run,
  mustReach: [
    'named',
    'named, with other options',
    'unnamed',
    'unnamed, with other options',
    'refused: ENDPOINT_NOT_NAMED',
  ],
};
