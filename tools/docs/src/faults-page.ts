// docs/faults.md is made from the rows that the end-to-end tests run.

import { type Expected, type Fault, type Range, graceMs, matrix, shortDeadlineMs } from '@pgwake/e2e/faults';

/** Specs beside the matrix, by the story that each tells. */
const stories: readonly (readonly [file: string, story: string])[] = [
  ['faults/wake-service-outage.int.spec.ts', 'wake-service is down for 20 s, and back'],
  [
    'faults/waiting-clients.int.spec.ts',
    'clients leave while they wait; a long wait is visible; a zone of the DNS is dead',
  ],
  [
    'faults/dialled-ahead.int.spec.ts',
    'a compute resets, closes or refuses the connection that was opened while its client still computed its proof, or dies meanwhile',
  ],
  ['faults/dropped-packets.int.spec.ts', 'packets to a compute are dropped on the way, in a network namespace'],
  [
    'faults/silent-compute.int.spec.ts',
    'a compute is gone while it owes an answer, or only takes its time; packets are dropped in the middle of a session',
  ],
  ['faults/silent-query.int.spec.ts', 'a compute stands still in the middle of a query over HTTP'],
  ['system.int.spec.ts', 'wake-service is killed with `kill -9`, in mid-wake too; computes are killed'],
];

/** The whole page, as Markdown. */
export function renderFaultsPage(): string {
  return `# Faults

What can go wrong between a client and its compute, and what then happens. Each row is a test: the built tcp-proxy between real sockets,
a wake-service, a name server and computes that do what the row says; it also checks that the fault did strike, and that the clients of
another endpoint were not slowed meanwhile.

- **Address**: where the gateway has it from. _fresh_: wake-service named it to this very client. _cached_: from the node cache, and
  wake-service named it a moment ago. _aged_: from the node cache, and that was a while ago.
- **Verdicts**: what the gateway made of each failure: the code ([errors.md](errors.md)), and whether it dials again, replaces the address
  (evict, wake) or stops.
- **Time**: from the client's first byte to its row or its error. On a loaded machine ${seconds(graceMs)} more pass the test, never less.
  Rows marked \\* run with a connect timeout of ${seconds(shortDeadlineMs)} (\`PGWAKE_CONNECT_TIMEOUT_MS\`).

Made from the tests by \`npm run docs:faults\`; a test holds both together.
${matrix.map(({ title, faults }) => renderGroup(title, faults)).join('')}
## Longer stories

${stories.map(([file, story]) => `- ${story}: [\`${file}\`](../apps/e2e/src/${file})`).join('\n')}
`;
}

function renderGroup(title: string, faults: readonly Fault[]): string {
  return `
## ${title}

| Fault | Address | Verdicts | Dials | Wakes | Time | The client |
| ----- | ------- | -------- | ----- | ----- | ---- | ---------- |
${faults.map(renderRow).join('\n')}
`;
}

function renderRow({ fault, address, deadline, expected }: Fault): string {
  const { verdicts, dials, wakes, tookMs } = expected;
  const cells = [
    deadline === 'short' ? `${fault} \\*` : fault,
    address,
    verdicts.map((verdict) => `\`${verdict}\``).join(', '),
    count(dials),
    count(wakes),
    time(tookMs),
    client(expected),
  ];
  return `| ${cells.join(' | ')} |`;
}

function count(expected: number | Range): string {
  return typeof expected === 'number' ? String(expected) : expected.join('–');
}

function time([least, most]: Range): string {
  if (least === most) return seconds(least);
  return least === 0 ? `≤ ${seconds(most)}` : `${least / 1_000}–${seconds(most)}`;
}

function seconds(ms: number): string {
  return `${ms / 1_000} s`;
}

function client({ client }: Expected): string {
  if ('servedBy' in client) return `served by generation ${client.servedBy}`;
  const texts = typeof client.text === 'string' ? [client.text] : client.text;
  return `${client.code} ${texts.map((text) => `“${text}”`).join(' or ')}`;
}
