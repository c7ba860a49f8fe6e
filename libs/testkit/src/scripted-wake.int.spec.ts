import { fileURLToPath } from 'node:url';
import { type CallOptions, Client, type MethodDefinition, type ServiceError, credentials, status } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { wakePackage, wakeProtoUrl, wakeServiceName } from '@pgwake/wake-api';
import { type LeakCheck, type ScriptedWake, startLeakCheck, startScriptedWake, waitFor } from './index.js';

const definitions = loadSync(fileURLToPath(wakeProtoUrl), { longs: Number, enums: String });
const service = definitions[`${wakePackage}.${wakeServiceName}`] as Record<string, MethodDefinition<object, unknown>>;
const address = { kind: 'tcp', host: '127.0.0.1', port: 5432 } as const;

let leaks: LeakCheck;
let wake: ScriptedWake;
let client: Client;

beforeEach(async () => {
  leaks = startLeakCheck();
  wake = await startScriptedWake({ password: 'secret' });
  client = new Client(wake.address, credentials.createInsecure(), {
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.enable_retries': 0,
  });
});

afterEach(async () => {
  client.close();
  await wake.stop();
  await leaks.expectNothingLeft();
});

function call(method: string, request: object, options: CallOptions = {}): Promise<unknown> {
  const { path, requestSerialize, responseDeserialize } = service[method] as MethodDefinition<object, unknown>;
  return new Promise((resolve, reject) => {
    const done = (error: ServiceError | null, answer: unknown) => (error === null ? resolve(answer) : reject(error));
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, options, done);
  });
}

const wakeDemo = (options?: CallOptions) => call('WakeCompute', { endpoint: 'demo', suspectGeneration: 2 }, options);

describe('a scripted wake-service', () => {
  it('answers by its script, the last reply for ever, and counts', async () => {
    wake.script('demo', [
      { kind: 'failure', reason: 'BUSY', retryAfterMs: 250 },
      { kind: 'node', address, generation: 3 },
    ]);
    expect(await wakeDemo()).toMatchObject({ failure: { reason: 'BUSY', retryAfterMs: 250 } });
    const node = { endpoint: 'demo', generation: 3, identity: { clusterName: 'pgwake/demo/3' } };
    expect(await wakeDemo()).toMatchObject({ node });
    expect(await wakeDemo()).toMatchObject({ node });
    expect(await call('WakeCompute', { endpoint: 'other' })).toMatchObject({
      failure: { reason: 'ENDPOINT_NOT_FOUND' },
    });
    expect(wake.wakes).toHaveLength(4);
    expect(wake.wakesOf('demo')).toMatchObject(Array(3).fill({ suspectGeneration: 2, state: 'answered' }));
    expect(await call('GetEndpointAccess', { endpoint: 'demo', role: 'app' })).toEqual({ verifier: wake.verifier });
    expect(wake.accessCalls).toBe(1);
  });

  it.each([
    [{ kind: 'status', code: 'PERMISSION_DENIED' }, 'PERMISSION_DENIED'],
    [{ kind: 'garbage' }, 'INTERNAL'],
    [{ kind: 'answerLost' }, 'UNAVAILABLE'],
  ] as const)('fails with %j', async (reply, code) => {
    wake.script('demo', [reply, { kind: 'node', address }]);
    await expect(wakeDemo()).rejects.toMatchObject({ code: status[code] });
    expect(await wakeDemo({ deadline: Date.now() + 5_000 })).toMatchObject({
      node: { startKind: 'START_KIND_STARTED' },
    });
  });

  it('sees that a caller gives up', async () => {
    wake.script('demo', [{ kind: 'silence' }]);
    await expect(wakeDemo({ deadline: Date.now() + 50 })).rejects.toMatchObject({ code: status.DEADLINE_EXCEEDED });
    await waitFor(() => wake.wakes[0]?.state === 'cancelled', 1_000);
  });

  it('answers when it is let to', async () => {
    let go = () => undefined as void;
    const gate = new Promise<void>((resolve) => (go = resolve));
    wake.script('demo', [{ kind: 'node', address, after: () => gate }]);
    const answer = wakeDemo();
    await waitFor(() => wake.wakes.length === 1, 1_000);
    expect(wake.wakes).toMatchObject([{ state: 'open' }]);
    go();
    expect(await answer).toMatchObject({ node: { generation: 1 } });
  });

  it('goes down in the middle of a call and comes back at its address', async () => {
    wake.script('demo', [{ kind: 'silence' }, { kind: 'node', address }]);
    const lost = expect(wakeDemo()).rejects.toMatchObject({ code: status.UNAVAILABLE });
    await waitFor(() => wake.wakes.length === 1, 1_000);
    await wake.goDown();
    await lost;
    await expect(wakeDemo()).rejects.toMatchObject({ code: status.UNAVAILABLE });
    await wake.comeBack();
    client.close();
    client = new Client(wake.address, credentials.createInsecure());
    expect(await wakeDemo()).toMatchObject({ node: {} });
    expect(wake.wakes).toHaveLength(2);
  });
});
