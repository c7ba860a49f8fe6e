import { describe, expect, it } from '@jest/globals';
import type { EndpointId } from '@pgwake/ids';
import { setImmediate } from 'node:timers/promises';
import { EndpointMemory } from './endpoint-memory.js';
import { EndpointRooms } from './endpoint-room.js';
import { completePolicy } from './policy.js';
import { createFakeClock } from './testing/fake-clock.js';

describe('the rooms of the endpoints', () => {
  it('are shared while in use and dropped with their last journey', () => {
    const policy = completePolicy({});
    const clock = createFakeClock(() => setImmediate());
    const wake = { wake: () => Promise.reject(new Error('not asked for here')) };
    const rooms = new EndpointRooms({ wake, clock, random: () => 0, policy }, new EndpointMemory(policy));
    const a = 'a' as EndpointId;
    const room = rooms.enter(a);
    expect(rooms.enter(a)).toBe(room);
    expect(rooms.enter('b' as EndpointId)).not.toBe(room);
    rooms.leave(a);
    expect(rooms.size).toBe(2);
    rooms.leave(a);
    rooms.leave('b' as EndpointId);
    expect(rooms.size).toBe(0);
  });
});
