import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from '@jest/globals';
import { startBlackHole, startLeakCheck } from './index.js';

it('a black hole neither takes nor refuses a connection, and refuses once it is stopped', async () => {
  const leaks = startLeakCheck();
  const hole = await startBlackHole();
  const { host, port } = hole.address;
  const socket = connect(port, host);
  const heard: string[] = [];
  for (const event of ['connect', 'error', 'close']) socket.on(event, () => heard.push(event));
  await sleep(500); // silence has no event to wait for
  expect(heard).toEqual([]);
  expect(socket.connecting).toBe(true);
  socket.destroy();

  await hole.stop();
  expect(await once(connect(port, host), 'error')).toEqual([expect.objectContaining({ code: 'ECONNREFUSED' })]);
  await leaks.expectNothingLeft();
});
