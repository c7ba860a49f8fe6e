import type { FuzzTarget } from './target.ts';
import { endpointOptionsTarget } from './targets/endpoint-options.ts';
import { framingTarget } from './targets/framing.ts';
import { messagesTarget } from './targets/messages.ts';
import { namesTarget } from './targets/names.ts';
import { proxyHeaderTarget } from './targets/proxy-header.ts';
import { relayTarget } from './targets/relay.ts';
import { scramClientTarget } from './targets/scram-client.ts';
import { scramPlusTarget } from './targets/scram-plus.ts';
import { scramServerTarget } from './targets/scram-server.ts';
import { startupTarget } from './targets/startup.ts';

export const targets: readonly FuzzTarget[] = [
  startupTarget,
  framingTarget,
  messagesTarget,
  scramServerTarget,
  scramPlusTarget,
  scramClientTarget,
  endpointOptionsTarget,
  namesTarget,
  relayTarget,
  proxyHeaderTarget,
];
