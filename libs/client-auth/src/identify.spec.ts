import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type EndpointClaim, identify, parseEndpointPassword } from './index.js';

const domains = ['gw.test', 'db.example.com'];
const user = ['user', 'app'] as const;

function identifyBy(sni: string | undefined, options?: string): EndpointClaim {
  const parameters = options === undefined ? [user] : [user, ['options', options] as const];
  return identify({ sni, parameters, domains });
}

/** The endpoint, `unnamed`, or the code of the refusal. */
function outcome(claim: EndpointClaim): string {
  if (claim.kind === 'refused') return claim.error.code;
  return claim.kind === 'named' ? claim.endpoint : 'unnamed';
}

function optionsOf(claim: EndpointClaim): string | undefined {
  if (claim.kind === 'refused') throw claim.error;
  return claim.parameters.find(([name]) => name === 'options')?.[1];
}

describe('identify by the TLS host name', () => {
  it.each([
    ['demo.gw.test', 'demo'],
    ['demo.db.example.com', 'demo'],
    ['DEMO.GW.Test', 'demo'],
    ['demo.gw.test.', 'demo'],
    ['demo-pooler.gw.test', 'demo-pooler'],
    ['0.gw.test', '0'],
    [`${'a'.repeat(63)}.gw.test`, 'a'.repeat(63)],
    [`${'a'.repeat(64)}.gw.test`, 'unnamed'],
    ['demo.gw.test..', 'unnamed'],
    ['.demo.gw.test', 'unnamed'],
    ['demo..gw.test', 'unnamed'],
    ['a.b.gw.test', 'unnamed'],
    ['gw.test', 'unnamed'],
    ['.gw.test', 'unnamed'],
    ['demogw.test', 'unnamed'],
    ['demo.gw.test.evil.com', 'unnamed'],
    ['demo.evil.com', 'unnamed'],
    ['demo', 'unnamed'],
    ['localhost', 'unnamed'],
    ['*.gw.test', 'unnamed'],
    ['_demo.gw.test', 'unnamed'],
    ['-demo.gw.test', 'unnamed'],
    ['dämo.gw.test', 'unnamed'],
    ['xn--dmo-qla.gw.test', 'xn--dmo-qla'],
    ['demo\0.gw.test', 'unnamed'],
    ['demo .gw.test', 'unnamed'],
    ['demo.gw.test\n', 'unnamed'],
    ['demo。gw.test', 'unnamed'],
    ['10.0.0.1', 'unnamed'],
    ['::1', 'unnamed'],
    ['', 'unnamed'],
    ['.', 'unnamed'],
    ['[::1]', 'unnamed'],
    [`${'a.'.repeat(124)}gw.test`, 'unnamed'],
    ['a'.repeat(1_000_000), 'unnamed'],
  ])('%j names %s', (sni, expected) => {
    expect(outcome(identifyBy(sni))).toBe(expected);
  });

  it('does not lower letters from beyond ASCII into a domain', () => {
    expect(outcome(identify({ sni: 'demo.gw.\u212aube', parameters: [user], domains: ['gw.kube'] }))).toBe('unnamed');
  });

  it('names nothing without a host name or without domains', () => {
    expect(outcome(identifyBy(undefined))).toBe('unnamed');
    expect(outcome(identify({ sni: 'demo.gw.test', parameters: [user], domains: [] }))).toBe('unnamed');
  });
});

describe('identify by options', () => {
  it.each([
    ['endpoint=demo', 'demo', undefined],
    ['endpoint=DEMO', 'demo', undefined],
    ['endpoint=demo-pooler', 'demo-pooler', undefined],
    ['  endpoint=demo\t', 'demo', undefined],
    ['end\\point\\=demo', 'demo', undefined],
    ['endpoint=demo\\', 'demo', undefined],
    ['endpoint=demo -c geqo=off', 'demo', '-c geqo=off'],
    ['-c geqo=off endpoint=demo', 'demo', '-c geqo=off'],
    ['-c geqo=off  endpoint=demo   -c  jit=off ', 'demo', '-c geqo=off   -c  jit=off '],
    ['-c search_path=a\\ b endpoint=demo -c x=\\\\', 'demo', '-c search_path=a\\ b -c x=\\\\'],
    ['-cx=\\  endpoint=demo', 'demo', '-cx=\\ '],
    ['--geqo=off endpoint=demo', 'demo', '--geqo=off'],
    ['-e endpoint=demo', 'demo', '-e'],
    ['-- endpoint=demo', 'demo', '--'],
    ['- endpoint=demo', 'demo', '-'],
    ['-c a=1 endpoint=demo\u00a0', 'ENDPOINT_NOT_NAMED', undefined],
    ['endpoint=a endpoint=b', 'ENDPOINT_NOT_NAMED', undefined],
    ['endpoint=a endpoint=a', 'ENDPOINT_NOT_NAMED', undefined],
    ['endpoint=a endpoint=', 'ENDPOINT_NOT_NAMED', undefined],
    ['endpoint=', 'ENDPOINT_NOT_NAMED', undefined],
    ['endpoint=a.b', 'ENDPOINT_NOT_NAMED', undefined],
    ['endpoint=../x', 'ENDPOINT_NOT_NAMED', undefined],
    ['endpoint=a\\ b', 'ENDPOINT_NOT_NAMED', undefined],
    ['endpoint=\u212a', 'ENDPOINT_NOT_NAMED', undefined],
    ['', 'unnamed', ''],
    [' ', 'unnamed', ' '],
    ['endpoint', 'unnamed', 'endpoint'],
    ['Endpoint=demo', 'unnamed', 'Endpoint=demo'],
    ['xendpoint=demo', 'unnamed', 'xendpoint=demo'],
    ['project=demo', 'unnamed', 'project=demo'],
    ['-cendpoint=demo', 'unnamed', '-cendpoint=demo'],
    ['-c endpoint=demo', 'unnamed', '-c endpoint=demo'],
    ['-ec endpoint=demo', 'unnamed', '-ec endpoint=demo'],
    ['--endpoint=demo', 'unnamed', '--endpoint=demo'],
    ['-c search_path=x\\ endpoint=demo', 'unnamed', '-c search_path=x\\ endpoint=demo'],
    ['-c endpoint=evil endpoint=demo', 'demo', '-c endpoint=evil'],
    ['-c=', 'unnamed', '-c='],
    ['-c', 'unnamed', '-c'],
    ['-c =x', 'unnamed', '-c =x'],
    ['\\'.repeat(9_000), 'unnamed', '\\'.repeat(9_000)],
  ])('%j names %s and leaves %j', (options, expected, rest) => {
    const claim = identifyBy(undefined, options);
    expect(outcome(claim)).toBe(expected);
    if (claim.kind !== 'refused') expect(optionsOf(claim)).toBe(rest);
  });

  it('leaves the other parameters alone', () => {
    const parameters = [['database', 'endpoint=x'], ['options', 'endpoint=demo'], user] as const;
    expect(identify({ parameters, domains })).toEqual({
      kind: 'named',
      endpoint: 'demo',
      parameters: [['database', 'endpoint=x'], user],
    });
  });

  it('keeps any options that name nothing byte for byte, and never throws', () => {
    const anyOptions = fc.string({ unit: fc.constantFrom(...' \t\\-cendpoit=a') });
    fc.assert(
      fc.property(anyOptions, (options) => {
        const claim = identifyBy(undefined, options);
        if (claim.kind === 'unnamed') expect(optionsOf(claim)).toBe(options);
      }),
    );
  });

  it('leaves the words that Postgres would read, whatever stands around the endpoint', () => {
    const word = fc
      .string({ unit: fc.constantFrom(...'-ce=a\\\u00e4'), minLength: 1 })
      .map((text) => text.replace(/\\+$/, ''));
    const words = fc.array(
      word.filter((text) => text !== ''),
      { maxLength: 4 },
    );
    const space = fc.constantFrom(' ', '  ', '\t', '\n ');
    fc.assert(
      fc.property(words, words, space, (before, after, gap) => {
        const claim = identifyBy(undefined, [...before, 'endpoint=demo', ...after].join(gap));
        if (claim.kind !== 'named') return; // it was the argument of a switch
        const rest = [before.join(gap), after.join(gap)].filter((part) => part !== '').join(gap);
        expect(optionsOf(claim) ?? '').toBe(rest);
      }),
    );
  });
});

describe('identify by both', () => {
  it('takes names that agree', () => {
    expect(outcome(identifyBy('demo.gw.test', 'endpoint=DEMO'))).toBe('demo');
  });
  it('refuses names that differ', () => {
    expect(outcome(identifyBy('demo.gw.test', 'endpoint=other'))).toBe('ENDPOINT_NAMES_DIFFER');
    expect(outcome(identifyBy('demo.gw.test', 'endpoint=demo-pooler'))).toBe('ENDPOINT_NAMES_DIFFER');
  });
  it('refuses options that are wrong in themselves, even if the host name is right', () => {
    expect(outcome(identifyBy('demo.gw.test', 'endpoint=a.b'))).toBe('ENDPOINT_NOT_NAMED');
    expect(outcome(identifyBy('demo.gw.test', 'endpoint=demo endpoint=demo'))).toBe('ENDPOINT_NOT_NAMED');
  });
  it('takes the one that names something', () => {
    expect(outcome(identifyBy('localhost', 'endpoint=demo'))).toBe('demo');
    expect(outcome(identifyBy('demo.gw.test', '-c geqo=off'))).toBe('demo');
  });
  it('shows the client nothing but the text of the catalogue', () => {
    const claim = identifyBy(undefined, 'endpoint=<script>');
    expect(claim.kind === 'refused' && claim.error.message).toBe(
      'the connection does not say which endpoint it is for',
    );
  });
});

describe('parseEndpointPassword', () => {
  it.each([
    ['endpoint=demo;secret', 'demo', 'secret'],
    ['endpoint=demo$secret', 'demo', 'secret'],
    ['endpoint=DEMO;secret', 'demo', 'secret'],
    ['endpoint=demo;a;b$c', 'demo', 'a;b$c'],
    ['endpoint=demo$a;b', 'demo', 'a;b'],
    ['endpoint=demo;;', 'demo', ';'],
    ['endpoint=demo; ', 'demo', ' '],
    ['endpoint=demo;endpoint=x;y', 'demo', 'endpoint=x;y'],
    ['endpoint=demo;pässword \u{1f511}', 'demo', 'pässword \u{1f511}'],
  ])('splits %j', (text, endpoint, password) => {
    expect(parseEndpointPassword(text)).toEqual({ endpoint, password });
  });

  it.each([
    '',
    'secret',
    'endpoint=',
    'endpoint=demo',
    'endpoint=demo;',
    'endpoint=;x',
    'endpoint=a.b;x',
    ' endpoint=demo;x',
  ])('takes nothing from %j', (text) => {
    expect(parseEndpointPassword(text)).toBeUndefined();
  });
});
