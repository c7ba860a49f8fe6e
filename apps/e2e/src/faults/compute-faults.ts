// What computes do to a gateway that dials them.

import { setTimeout as sleep } from 'node:timers/promises';
import { type ScriptedPostgres, startBlackHole, steps } from '@pgwake/testkit';
import { type Fault, shortDeadlineMs } from './fault.js';
import { certifiedName } from './gateway.js';
import { countRefusal, portOf } from './probes.js';
import { type Script, type World, nodeAt } from './world.js';

const silent: Script = [];
const resets: Script = [steps.reset()];
const fails = (code: string, message?: string): Script => [steps.startup(), steps.fail(code, message)];
const starting = fails('57P03', 'the database system is starting up');
const shuttingDown = fails('57P01', 'terminating connection due to administrator command');
const full = fails('53300', 'sorry, too many clients already');
const passwordWrong = fails('28P01', 'password authentication failed for user "app"');
const noLogin = fails('28000', 'role "app" is not permitted to log in');

const notInTime = { code: '57P03', text: 'the database did not answer in time' };
/** Every few dials wake-service is asked, and the time may be up just then. */
const notInTimeWhileAsking = { code: '57P03', text: [notInTime.text, 'the database did not wake up in time'] } as const;
const unreachable = { code: '08001', text: 'the database cannot be reached' };

/** A cached compute that does this once, and a next generation that is well. */
async function arrangeCached(world: World, ...afterwards: readonly Script[]): Promise<ScriptedPostgres> {
  const compute = await world.startWarmCompute(...afterwards);
  await world.warmUp(compute);
  world.wakes(nodeAt(await world.startCompute(2), 2));
  return compute;
}

/** A compute that does this to its first clients, and is then well. */
async function arrangeFresh(world: World, ...scripts: readonly Script[]): Promise<ScriptedPostgres> {
  const compute = await world.startCompute(1, ...scripts);
  world.wakes(nodeAt(compute, 1));
  return compute;
}

const countErrors =
  ({ seen }: ScriptedPostgres) =>
  () =>
    seen.errors.length;

export const computeFaults: readonly Fault[] = [
  {
    fault: 'refuses connections',
    address: 'cached',
    async arrange(world) {
      const compute = await arrangeCached(world);
      await compute.refuse();
      return countRefusal(compute);
    },
    expected: {
      verdicts: ['cached COMPUTE_REFUSED: replace'],
      dials: 2,
      wakes: 1,
      tookMs: [0, 100],
      client: { servedBy: 2 },
    },
  },
  {
    fault: 'refuses connections for 300 ms after it was called ready',
    address: 'fresh',
    async arrange(world) {
      const compute = await world.startCompute(1);
      await compute.refuse();
      const listenLater = async () => void sleep(300).then(() => compute.listen());
      world.wakes({ ...nodeAt(compute, 1), after: listenLater }, nodeAt(compute, 1));
      return countRefusal(compute);
    },
    expected: {
      // Every third suspect dial asks wake-service whether that generation still runs.
      verdicts: ['fresh COMPUTE_REFUSED: dialAgain'],
      dials: [2, 16],
      wakes: [1, 6],
      tookMs: [300, 1_000],
      client: { servedBy: 1 },
    },
  },
  {
    fault: 'dies after it was called ready, and is started again',
    address: 'fresh',
    async arrange(world) {
      const compute = await world.startCompute(1);
      await compute.refuse();
      world.wakes(nodeAt(compute, 1), nodeAt(await world.startCompute(2), 2));
      return countRefusal(compute);
    },
    expected: {
      verdicts: ['fresh COMPUTE_REFUSED: dialAgain'],
      dials: 4,
      wakes: 2,
      tookMs: [0, 350],
      client: { servedBy: 2 },
    },
  },
  {
    fault: 'refuses connections for ever',
    address: 'fresh',
    deadline: 'short',
    async arrange(world) {
      const compute = await arrangeFresh(world);
      await compute.refuse();
      return countRefusal(compute);
    },
    expected: {
      verdicts: ['fresh COMPUTE_REFUSED: dialAgain'],
      dials: [4, 40],
      wakes: [2, 14],
      tookMs: [shortDeadlineMs, shortDeadlineMs],
      client: notInTimeWhileAsking,
    },
  },
  {
    fault: 'does not even refuse (packets are dropped)',
    address: 'cached',
    async arrange(world) {
      const compute = await arrangeCached(world);
      await compute.refuse();
      const hole = await startBlackHole(portOf(compute));
      world.atEnd(hole.stop);
      return () => hole.fillers;
    },
    expected: {
      verdicts: ['cached COMPUTE_DIAL_TIMEOUT: replace'],
      dials: 2,
      wakes: 1,
      tookMs: [1_500, 1_600],
      client: { servedBy: 2 },
    },
  },
  {
    fault: 'does not even refuse (packets are dropped)',
    address: 'fresh',
    deadline: 'short',
    async arrange(world) {
      const hole = await startBlackHole();
      world.atEnd(hole.stop);
      world.wakes({ kind: 'node', address: hole.address });
      return () => hole.fillers;
    },
    expected: {
      verdicts: [],
      dials: 1,
      wakes: 1,
      tookMs: [shortDeadlineMs, shortDeadlineMs],
      client: notInTime,
    },
  },
  {
    fault: 'accepts and stays silent',
    address: 'cached',
    async arrange(world) {
      const { seen } = await arrangeCached(world, silent);
      return () => seen.accepted - seen.logins;
    },
    expected: {
      strikes: 1,
      verdicts: ['cached COMPUTE_DIAL_TIMEOUT: replace'],
      dials: 2,
      wakes: 1,
      tookMs: [1_500, 1_600],
      client: { servedBy: 2 },
    },
  },
  {
    fault: 'accepts and stays silent, once',
    address: 'fresh',
    async arrange(world) {
      const { seen } = await arrangeFresh(world, silent);
      return () => seen.accepted - seen.logins;
    },
    expected: {
      strikes: 1,
      verdicts: ['fresh COMPUTE_DIAL_TIMEOUT: dialAgain'],
      dials: 2,
      wakes: 1,
      tookMs: [5_000, 5_150],
      client: { servedBy: 1 },
    },
  },
  {
    fault: 'resets at once',
    address: 'cached',
    async arrange(world) {
      const { seen } = await arrangeCached(world, resets);
      return () => seen.resets;
    },
    expected: {
      strikes: 1,
      verdicts: ['cached COMPUTE_RESET: replace'],
      dials: 2,
      wakes: 1,
      tookMs: [0, 100],
      client: { servedBy: 2 },
    },
  },
  {
    fault: 'resets at once, twice',
    address: 'fresh',
    async arrange(world) {
      const { seen } = await arrangeFresh(world, resets, resets);
      return () => seen.resets;
    },
    expected: {
      strikes: 2,
      verdicts: ['fresh COMPUTE_RESET: dialAgain'],
      dials: 3,
      wakes: 1,
      tookMs: [0, 230],
      client: { servedBy: 1 },
    },
  },
  {
    fault: 'says that it is starting up (57P03), three times',
    address: 'cached',
    arrange: async (world) => countErrors(await arrangeCached(world, starting, starting, starting)),
    expected: {
      strikes: 3,
      verdicts: ['cached COMPUTE_STARTING: dialAgain'],
      dials: 4,
      wakes: 0,
      tookMs: [0, 350],
      client: { servedBy: 1 },
    },
  },
  {
    fault: 'says that it is starting up (57P03), four times',
    address: 'fresh',
    arrange: async (world) => countErrors(await arrangeFresh(world, starting, starting, starting, starting)),
    expected: {
      strikes: 4,
      verdicts: ['fresh COMPUTE_STARTING: dialAgain'],
      dials: 5,
      wakes: 1,
      tookMs: [0, 550],
      client: { servedBy: 1 },
    },
  },
  {
    fault: 'says that it is starting up (57P03), then resets',
    address: 'cached',
    async arrange(world) {
      const { seen } = await arrangeCached(world, starting, resets);
      return () => seen.errors.length + seen.resets;
    },
    expected: {
      strikes: 2,
      verdicts: ['cached COMPUTE_STARTING: dialAgain', 'cached COMPUTE_RESET: replace'],
      dials: 3,
      wakes: 1,
      tookMs: [0, 150],
      client: { servedBy: 2 },
    },
  },
  {
    fault: 'is being shut down (57P01)',
    address: 'cached',
    arrange: async (world) => countErrors(await arrangeCached(world, shuttingDown)),
    expected: {
      strikes: 1,
      verdicts: ['cached COMPUTE_SHUTTING_DOWN: replace'],
      dials: 2,
      wakes: 1,
      tookMs: [0, 100],
      client: { servedBy: 2 },
    },
  },
  {
    fault: 'is being shut down (57P01) and started again at the same address',
    address: 'fresh',
    arrange: async (world) => countErrors(await arrangeFresh(world, shuttingDown, shuttingDown)),
    expected: {
      strikes: 2,
      verdicts: ['fresh COMPUTE_SHUTTING_DOWN: dialAgain'],
      dials: 3,
      wakes: 1,
      tookMs: [0, 230],
      client: { servedBy: 1 },
    },
  },
  {
    fault: 'has too many connections (53300), twice',
    address: 'fresh',
    arrange: async (world) => countErrors(await arrangeFresh(world, full, full)),
    expected: {
      strikes: 2,
      verdicts: ['fresh COMPUTE_FULL: dialAgain'],
      dials: 3,
      wakes: 1,
      tookMs: [0, 230],
      client: { servedBy: 1 },
    },
  },
  {
    fault: 'has too many connections (53300), twice',
    address: 'cached',
    arrange: async (world) => countErrors(await arrangeCached(world, full, full)),
    expected: {
      strikes: 2,
      verdicts: ['cached COMPUTE_FULL: dialAgain'],
      dials: 3,
      wakes: 0,
      tookMs: [0, 230],
      client: { servedBy: 1 },
    },
  },
  {
    fault: 'has too many connections (53300) for ever',
    address: 'fresh',
    deadline: 'short',
    async arrange(world) {
      const { verifier } = world.gateway.wake;
      const says53300 = [
        steps.startup(),
        steps.authenticate(verifier),
        steps.fail('53300', 'sorry, too many clients already'),
      ];
      return countErrors(await arrangeFresh(world, ...Array.from({ length: 100 }, () => says53300)));
    },
    expected: {
      verdicts: ['fresh COMPUTE_FULL: dialAgain'],
      dials: [4, 40],
      wakes: 1,
      tookMs: [shortDeadlineMs, shortDeadlineMs],
      client: { code: '53300', text: 'sorry, too many clients already' },
    },
  },
  {
    fault: 'has too many connections (53300)',
    address: 'aged',
    arrange: async (world) => countErrors(await arrangeCached(world, full)),
    expected: {
      strikes: 1,
      verdicts: ['cached COMPUTE_FULL: replace'],
      dials: 2,
      wakes: 1,
      tookMs: [0, 100],
      client: { servedBy: 2 },
    },
  },
  {
    fault: 'rejects the login (28P01)',
    address: 'fresh',
    arrange: async (world) => countErrors(await arrangeFresh(world, passwordWrong)),
    expected: {
      strikes: 1,
      verdicts: ['fresh COMPUTE_REJECTED_LOGIN: stop'],
      dials: 1,
      wakes: 1,
      tookMs: [0, 100],
      client: { code: '28P01', text: 'password authentication failed for user "app"' },
    },
  },
  {
    fault: 'rejects the login (28000)',
    address: 'cached',
    arrange: async (world) => countErrors(await arrangeCached(world, noLogin)),
    expected: {
      strikes: 1,
      verdicts: ['cached COMPUTE_REJECTED_LOGIN: stop'],
      dials: 1,
      wakes: 0,
      tookMs: [0, 100],
      client: { code: '28000', text: 'role "app" is not permitted to log in' },
    },
  },
  {
    fault: 'rejects the login (28P01), because it is not ours any more',
    address: 'aged',
    arrange: async (world) => countErrors(await arrangeCached(world, passwordWrong)),
    expected: {
      strikes: 1,
      verdicts: ['cached COMPUTE_REJECTED_LOGIN: replace'],
      dials: 2,
      wakes: 1,
      tookMs: [0, 100],
      client: { servedBy: 2 },
    },
  },
  {
    fault: 'rejects the login (28000), and it is ours',
    address: 'aged',
    async arrange(world) {
      const compute = await arrangeCached(world, noLogin, noLogin);
      world.wakes(nodeAt(compute, 1));
      return countErrors(compute);
    },
    expected: {
      strikes: 2,
      verdicts: ['cached COMPUTE_REJECTED_LOGIN: replace', 'fresh COMPUTE_REJECTED_LOGIN: stop'],
      dials: 2,
      wakes: 1,
      tookMs: [0, 100],
      client: { code: '28000', text: 'role "app" is not permitted to log in' },
    },
  },
  {
    fault: 'is another tenant’s by now',
    address: 'cached',
    async arrange(world) {
      const { seen } = await arrangeCached(world, world.healthy('pgwake/somebody-else/7'));
      // Behind the proof and the statement of the warming client: the proof, and not a word of the client itself.
      return () => (seen.queries.slice(2).join() === 'SHOW cluster_name' ? 1 : 0);
    },
    expected: {
      strikes: 1,
      verdicts: ['cached COMPUTE_IDENTITY_MISMATCH: replace'],
      dials: 2,
      wakes: 1,
      tookMs: [0, 100],
      client: { servedBy: 2 },
    },
  },
  {
    fault: 'is another tenant’s, says wake-service by mistake',
    address: 'fresh',
    async arrange(world) {
      const { seen } = await arrangeFresh(world, world.healthy('pgwake/somebody-else/7'));
      return () => (seen.queries.join() === 'SHOW cluster_name' ? 1 : 0);
    },
    expected: {
      strikes: 1,
      verdicts: ['fresh COMPUTE_IDENTITY_MISMATCH: stop'],
      dials: 1,
      wakes: 1,
      tookMs: [0, 100],
      client: unreachable,
    },
  },
  {
    fault: 'is another tenant’s by now, says its certificate',
    address: 'cached',
    async arrange(world) {
      const { own, foreign } = world.gateway.certificates;
      const healthy = world.healthy(world.nameOf(1));
      const impostor = [steps.encrypt(foreign), ...world.healthy('pgwake/somebody-else/7')];
      const compute = await world.startCompute(1, [steps.encrypt(own), ...healthy], impostor);
      await world.warmUp(compute, { tlsSan: certifiedName });
      world.wakes(nodeAt(await world.startCompute(2), 2));
      // Not even a startup packet.
      return () => compute.seen.tlsGranted - compute.seen.startups.length;
    },
    expected: {
      strikes: 1,
      verdicts: ['cached COMPUTE_IDENTITY_MISMATCH: replace'],
      dials: 2,
      wakes: 1,
      tookMs: [0, 100],
      client: { servedBy: 2 },
    },
  },
  {
    fault: 'speaks no TLS, but was to prove itself by its certificate',
    address: 'fresh',
    async arrange(world) {
      const compute = await world.startCompute(1);
      const { seen } = compute;
      world.wakes(nodeAt(compute, 1, { tlsSan: certifiedName }));
      return () => seen.accepted - seen.startups.length;
    },
    expected: {
      strikes: 1,
      verdicts: ['fresh COMPUTE_IDENTITY_MISMATCH: stop'],
      dials: 1,
      wakes: 1,
      tookMs: [0, 100],
      client: unreachable,
    },
  },
  {
    fault: 'is no Postgres',
    address: 'fresh',
    async arrange(world) {
      const { seen } = await arrangeFresh(world, [
        steps.startup(),
        steps.send(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')),
      ]);
      return () => seen.startups.length;
    },
    expected: {
      strikes: 1,
      verdicts: ['fresh COMPUTE_PROTOCOL: stop'],
      dials: 1,
      wakes: 1,
      tookMs: [0, 100],
      client: unreachable,
    },
  },
];
