// The calls of the contract, as its proto file defines them.

import { fileURLToPath } from 'node:url';
import type { MethodDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { wakePackage, wakeProtoUrl, wakeServiceName } from '@pgwake/wake-api';
import type { Answer, Question } from './question-stream.js';

export interface WakeMethods {
  readonly wakeCompute: MethodDefinition<object, unknown>;
  readonly getEndpointAccess: MethodDefinition<object, unknown>;
  readonly streamEndpointAccess: MethodDefinition<Question, Answer>;
  readonly getTokenAccess: MethodDefinition<object, unknown>;
}

/** Messages are decoded with absent fields for defaults, 64-bit numbers as texts, enums by name. Throws for another contract. */
export function loadMethods(): WakeMethods {
  const definitions = loadSync(fileURLToPath(wakeProtoUrl), { longs: String, enums: String });
  const service = definitions[`${wakePackage}.${wakeServiceName}`] as Record<string, MethodDefinition<object, unknown>>;
  const find = (name: string): MethodDefinition<object, unknown> => {
    const method = service[name];
    if (method === undefined) throw new Error(`${wakeProtoUrl} does not define ${name} of ${wakeServiceName}`);
    return method;
  };
  return {
    wakeCompute: find('WakeCompute'),
    getEndpointAccess: find('GetEndpointAccess'),
    streamEndpointAccess: find('StreamEndpointAccess') as MethodDefinition<Question, Answer>,
    getTokenAccess: find('GetTokenAccess'),
  };
}
