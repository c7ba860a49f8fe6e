import { describe, expect, it } from '@jest/globals';
import { captureDriverRequests, toPlainRequest } from './driver-requests.ts';

const connectionString = 'postgresql://app:secret@bench.localhost/app';

describe('the requests of the driver', () => {
  it('are the ones it sends: its modes, the connection string, and texts for parameters', async () => {
    const requests = await captureDriverRequests(connectionString, 'select $1', [[1], [2]]);
    expect(requests.map(({ body }) => JSON.parse(body))).toEqual([
      { query: 'select $1', params: ['1'] },
      { query: 'select $1', params: ['2'] },
    ]);
    const [first] = requests;
    expect(first?.headers).toMatchObject({
      'neon-connection-string': expect.stringContaining('app:secret@bench.localhost/app'),
      'neon-raw-text-output': 'true',
      'neon-array-mode': 'true',
    });
    const names = Object.keys(first?.headers ?? {});
    expect(names.filter((name) => ['host', 'connection', 'content-length'].includes(name))).toEqual([]);
  });

  it('go to other servers with the same body and as JSON, without what is for the gateway', async () => {
    const [request] = await captureDriverRequests(connectionString, 'select 1', [[]]);
    if (request === undefined) throw new Error('nothing was sent');
    const plain = toPlainRequest(request);
    expect(plain.body).toBe(request.body);
    expect(plain.headers).toMatchObject({ 'content-type': 'application/json', 'user-agent': 'node' });
    expect(Object.keys(plain.headers).filter((name) => name.startsWith('neon-'))).toEqual([]);
  });
});
