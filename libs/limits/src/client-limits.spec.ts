import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isGatewayError } from '@pgwake/gateway-errors';
import { type EndpointId, parseEndpointId } from '@pgwake/ids';
import { ClientLimits, type ClientLimitsSettings, type Limit, type Visit } from './client-limits.js';

const demo = idOf('demo');
const other = idOf('other');
const here = '192.0.2.1';
const nextDoor = '192.0.2.254';
const elsewhere = '198.51.100.1';

const nobodyHere = { connections: 0, farewells: 0, sources: 0, handshakes: 0, endpoints: 0, cancels: 0 };

function idOf(text: string): EndpointId {
  const id = parseEndpointId(text);
  if (id === undefined) throw new Error(text);
  return id;
}

function limitsOf(settings: ClientLimitsSettings) {
  const clock = { nowMs: 0, now: () => clock.nowMs };
  const refusals: Limit[] = [];
  const onRefusal = (limit: Limit) => refusals.push(limit);
  const lateness = { isLate: false };
  const limits = new ClientLimits(settings, { clock, lateness, onRefusal });
  /** The visit, or the code with which it is turned away. */
  const enter = (address = here): Visit | string => {
    const entry = limits.enter(address);
    return entry.kind === 'visit' ? entry.visit : entry.error.code;
  };
  const visit = (address = here): Visit => {
    const entered = enter(address);
    if (typeof entered === 'string') throw new Error(entered);
    return entered;
  };
  return { limits, clock, lateness, refusals, enter, visit };
}

function codeOf(act: () => void): string {
  try {
    act();
    return 'no error';
  } catch (error) {
    return isGatewayError(error) ? error.code : 'another error';
  }
}

describe('connections', () => {
  it('are limited in total, and a place that is left can be taken', () => {
    const { enter, visit, refusals } = limitsOf({ connections: 2 });
    const first = visit(here);
    visit(elsewhere);
    expect(enter('2001:db8::1')).toBe('GATEWAY_FULL');
    first.end();
    visit('2001:db8::1');
    expect(refusals).toEqual(['connections']);
  });

  it('are limited per source, whichever of its addresses is used', () => {
    const { enter, visit } = limitsOf({ connectionsPerSource: 2 });
    const first = visit(here);
    visit(nextDoor);
    expect(enter(here)).toBe('SOURCE_FULL');
    visit(elsewhere);
    first.end();
    visit(nextDoor);
  });

  it('are limited per endpoint once their password is proved, not before', () => {
    const { visit, refusals } = limitsOf({ connectionsPerEndpoint: 1 });
    const [first, second, third] = [visit(), visit(), visit()];
    first.takePlace(demo);
    second.takePlace(other);
    expect(codeOf(() => third.takePlace(demo))).toBe('TOO_MANY_CONNECTIONS');
    third.end();
    expect(refusals).toEqual(['connectionsPerEndpoint']);
    first.end();
    visit().takePlace(demo);
  });

  it('have no limit where it is 0', () => {
    const { visit } = limitsOf({});
    for (let count = 0; count < 1_000; count += 1) visit().takePlace(demo);
  });
});

describe('handshakes', () => {
  it('are limited per source until the password is proved or the client leaves', () => {
    const { enter, visit } = limitsOf({ handshakesPerSource: 2 });
    const [first, second] = [visit(), visit()];
    expect(enter()).toBe('RATE_LIMITED');
    visit(elsewhere);
    first.takePlace(demo);
    visit();
    expect(enter()).toBe('RATE_LIMITED');
    second.end();
    visit();
    first.end();
    expect(enter()).toBe('RATE_LIMITED');
  });
});

describe('a client beyond the limits', () => {
  it('may finish its handshake to be told why, as long as there are not too many of them', () => {
    const { enter, visit, limits } = limitsOf({ connections: 1, farewells: 1 });
    const welcome = visit();
    const farewell = visit();
    expect(welcome.refusal).toBeUndefined();
    expect(farewell.refusal?.code).toBe('GATEWAY_FULL');
    expect(enter()).toBe('GATEWAY_FULL');
    farewell.end();
    expect(visit().refusal?.code).toBe('GATEWAY_FULL');
    welcome.end();
    expect(limits.counts).toEqual({ ...nobodyHere, farewells: 1 });
  });

  it('gets no further than its handshake, but may cancel', () => {
    const { visit } = limitsOf({ connections: 1, farewells: 1 });
    visit();
    const farewell = visit();
    expect(codeOf(() => farewell.requireTries(demo))).toBe('GATEWAY_FULL');
    expect(codeOf(() => farewell.takePlace(demo))).toBe('GATEWAY_FULL');
    expect(farewell.beginCancel()).toBe(true);
  });
});

describe('a process that is late', () => {
  it('lets nobody new in, keeps those it has, and lets clients in again afterwards', () => {
    const { enter, visit, lateness, refusals, limits } = limitsOf({ farewells: 1 });
    const welcome = visit();
    lateness.isLate = true;
    const farewell = visit(elsewhere);
    expect(farewell.refusal?.code).toBe('GATEWAY_OVERLOADED');
    expect(farewell.beginCancel()).toBe(true);
    expect(enter()).toBe('GATEWAY_OVERLOADED');
    expect(refusals).toEqual(['eventLoopDelay', 'eventLoopDelay']);
    welcome.takePlace(demo);
    expect(welcome.beginCancel()).toBe(true);
    lateness.isLate = false;
    expect(visit(elsewhere).refusal).toBeUndefined();
    expect(limits.counts).toMatchObject({ connections: 2, farewells: 1 });
  });
});

describe('failed logins', () => {
  it('are limited per source and endpoint, and forgiven by time alone', () => {
    const { visit, clock, refusals } = limitsOf({ failedLogins: 10 });
    for (let failed = 0; failed < 10; failed += 1) {
      const client = visit();
      client.requireTries(demo);
      client.loginFailed(demo);
      client.end();
    }
    const client = visit();
    expect(codeOf(() => client.requireTries(demo))).toBe('RATE_LIMITED');
    expect(codeOf(() => visit(nextDoor).requireTries(demo))).toBe('RATE_LIMITED');
    expect(refusals).toEqual(['failedLogins', 'failedLogins']);
    client.requireTries(other);
    visit(elsewhere).requireTries(demo);
    // One success of somebody beside them must not give a guesser new tries.
    visit().takePlace(demo);
    expect(codeOf(() => client.requireTries(demo))).toBe('RATE_LIMITED');
    clock.nowMs += 6_000;
    client.requireTries(demo);
  });

  it('are not what a client does that leaves before its proof', () => {
    const { visit } = limitsOf({ failedLogins: 1 });
    for (let left = 0; left < 100; left += 1) {
      const client = visit();
      client.requireTries(demo);
      client.end();
    }
    visit().requireTries(demo);
  });

  it('at many endpoints take bounded memory', () => {
    const { visit, limits } = limitsOf({ failedLogins: 1 });
    const client = visit();
    for (let name = 0; name < 150_000; name += 1) client.loginFailed(idOf(`e${name}`));
    expect(codeOf(() => client.requireTries(idOf('e149999')))).toBe('RATE_LIMITED');
    client.requireTries(idOf('e0'));
    client.end();
    expect(limits.counts).toEqual(nobodyHere);
  });
});

describe('cancel requests', () => {
  it('are limited per source', () => {
    const { visit, clock, refusals } = limitsOf({ cancelsPerSource: 3 });
    expect([1, 2, 3, 4].map(() => visit().beginCancel())).toEqual([true, true, true, false]);
    expect(visit(elsewhere).beginCancel()).toBe(true);
    clock.nowMs += 334;
    expect(visit(nextDoor).beginCancel()).toBe(true);
    expect(refusals).toEqual(['cancelsPerSource']);
  });

  it('are limited at a time', () => {
    const { visit, refusals } = limitsOf({ cancelsInFlight: 1 });
    const first = visit();
    expect(first.beginCancel()).toBe(true);
    expect(visit(elsewhere).beginCancel()).toBe(false);
    first.endCancel();
    expect(visit(elsewhere).beginCancel()).toBe(true);
    expect(refusals).toEqual(['cancelsInFlight']);
  });
});

describe('whatever clients do', () => {
  it('no count passes its limit, and nothing stays counted', () => {
    const settings = {
      connections: 4,
      connectionsPerSource: 3,
      handshakesPerSource: 2,
      connectionsPerEndpoint: 2,
      farewells: 2,
    };
    const act = fc.record({
      what: fc.constantFrom('enter' as const, 'place' as const, 'end' as const),
      who: fc.nat(7),
      address: fc.constantFrom(here, nextDoor, elsewhere),
      endpoint: fc.constantFrom(demo, other),
    });
    fc.assert(
      fc.property(fc.array(act, { maxLength: 100 }), (acts) => {
        const { limits, enter } = limitsOf({ ...settings, cancelsInFlight: 1 });
        const visits = new Map<number, { readonly visit: Visit; placed?: EndpointId }>();
        for (const { what, who, address, endpoint } of acts) {
          const present = visits.get(who);
          if (what === 'enter' && present === undefined) {
            const visit = enter(address);
            if (typeof visit !== 'string') visits.set(who, { visit });
          } else if (what === 'place' && present && present.placed === undefined) {
            if (codeOf(() => present.visit.takePlace(endpoint)) === 'no error') present.placed = endpoint;
          } else if (what === 'end' && present) {
            if (present.visit.beginCancel()) present.visit.endCancel();
            present.visit.end();
            visits.delete(who);
          }
          const placedAt = (at: EndpointId) => [...visits.values()].filter(({ placed }) => placed === at).length;
          expect(limits.counts.connections).toBeLessThanOrEqual(settings.connections);
          expect(limits.counts.farewells).toBeLessThanOrEqual(settings.farewells);
          expect(Math.max(placedAt(demo), placedAt(other))).toBeLessThanOrEqual(settings.connectionsPerEndpoint);
        }
        for (const { visit } of visits.values()) visit.end();
        expect(limits.counts).toEqual(nobodyHere);
      }),
    );
  });
});
