import { createHmac } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import type { ComputeIdentity, NodeAddress } from '@pgwake/wake-api';
import fc from 'fast-check';
import { type NodeKeys, parseNodeKeys } from './node-keys.js';
import { type UnsignedNode, encodeNode, signNode } from './node-signature.js';
import { endOfGeneration } from './node-stamp.js';
import { type Member, encodeEntry, encodeTombstone, readMember } from './shared-entry.js';
import { demo, idOf, makeKeys, nodeOf, signed } from './testing/nodes.js';

const nowMs = 1_790_000_000_000;
const maxAgeMs = 240_000;
const keys = makeKeys('a', 'b');

function entryOf(more: Partial<UnsignedNode> = {}, signers: NodeKeys = keys): Member {
  const node = signed(nodeOf(3, { issuedAtMs: nowMs, ...more }), signers);
  return encodeEntry(node, node.signature);
}

function read({ text, score }: Member, accepted: NodeKeys = keys, asked = demo) {
  return readMember(Buffer.from(text), score, asked, { keys: accepted, maxAgeMs, wallClock: () => nowMs });
}

/** Any payload, signed all the same: by a careless wake-service, or a later one. */
function sealed(payload: string): Member {
  const [[id, key] = []] = keys;
  if (key === undefined) throw new Error('no key');
  const mac = createHmac('sha256', key).update(payload).digest('base64url');
  return { score: 3, text: `000${nowMs} v1.${id}.${mac} ${payload}` };
}

describe('an entry', () => {
  const places: NodeAddress[] = [
    { kind: 'unix', socketDirectory: '/run/a "b"\\', port: 5432 },
    { kind: 'tcp', host: 'ep-1.computes.svc.', port: 1 },
    { kind: 'tcp', host: '::1', port: 65_535 },
  ];
  const identities: ComputeIdentity[] = [
    { kind: 'clusterName', value: 'pgwake/demo/3' },
    { kind: 'tlsSan', value: 'demo.computes' },
    { kind: 'unproven' },
  ];
  it.each(places.flatMap((address) => identities.map((identity) => [address, identity] as const)))(
    'gives back %j, %j as it was signed',
    (address, identity) => {
      const node = signed(nodeOf(3, { issuedAtMs: nowMs, address, identity }), keys);
      expect(read(encodeEntry(node, node.signature))).toEqual({ kind: 'node', node });
    },
  );

  it('is the same text whatever the order in which the fields of a node were set', () => {
    const node = nodeOf(3, { address: { kind: 'tcp', host: 'a', port: 1 } });
    const turned = Object.fromEntries(Object.entries(node).reverse()) as unknown as UnsignedNode;
    expect(encodeNode({ ...turned, address: { port: 1, host: 'a', kind: 'tcp' } })).toBe(encodeNode(node));
  });

  it('says another thing as soon as any field differs', () => {
    const texts = [
      nodeOf(3, { issuedAtMs: 1 }),
      nodeOf(3, { issuedAtMs: 11 }),
      nodeOf(4, { issuedAtMs: 1 }),
      nodeOf(3, { issuedAtMs: 1, endpoint: idOf('other') }),
      nodeOf(3, { issuedAtMs: 1, address: { kind: 'unix', socketDirectory: '/run/pgwake/3', port: 543 } }),
      nodeOf(3, { issuedAtMs: 1, address: { kind: 'tcp', host: '/run/pgwake/3', port: 5432 } }),
      nodeOf(3, { issuedAtMs: 1, identity: { kind: 'tlsSan', value: 'pgwake/demo/3' } }),
    ].map(encodeNode);
    expect(new Set(texts).size).toBe(texts.length);
  });

  it('of up to its maximum age is used, and a clock that is a little behind does no harm', () => {
    expect(read(entryOf({ issuedAtMs: nowMs - maxAgeMs }))).toMatchObject({ kind: 'node' });
    expect(read(entryOf({ issuedAtMs: nowMs + 9_000 }))).toMatchObject({ kind: 'node' });
  });

  it('is accepted by every key in use, and by none that was retired', () => {
    const [first, second] = [...keys].map((key) => new Map([key]));
    if (first === undefined || second === undefined) throw new Error('two keys');
    expect(read(entryOf({}, second), keys)).toMatchObject({ kind: 'node' });
    expect(read(entryOf({}, first), second)).toEqual({ kind: 'refused', refusal: 'unknownKey' });
  });
});

describe('what is found and not used', () => {
  const entry = entryOf();
  const other = entryOf({ endpoint: idOf('other') });
  const forged = { ...entry, text: entry.text.replace('/run/pgwake/3', '/run/evil/333') };
  const otherMac = entryOf({}, makeKeys('a'));
  const payload = JSON.parse(entry.text.slice(entry.text.indexOf('{'))) as Record<string, unknown>;
  const deep = `${'['.repeat(1_000)}${']'.repeat(1_000)}`;
  it.each<[name: string, found: Member, refusal: string]>([
    ['nothing but a word', { score: 3, text: 'garbage' }, 'malformed'],
    ['an empty text', { score: 3, text: '' }, 'malformed'],
    ['unsigned JSON', { score: 3, text: JSON.stringify(payload) }, 'malformed'],
    ['a truncated entry', { ...entry, text: entry.text.slice(0, -1) }, 'malformed'],
    ['a line break in it', { ...entry, text: entry.text.replace('"demo"', '"de\nmo"') }, 'malformed'],
    ['a huge value', { score: 3, text: `${entry.text}${' '.repeat(1_000_000)}` }, 'tooLarge'],
    ['JSON nested a thousand deep', { score: 3, text: entry.text.replace(/\{.*/, `{"a":${deep}}`) }, 'tooLarge'],
    ['a forged address', forged, 'badSignature'],
    ['bad JSON', { ...entry, text: entry.text.replace('"schema":1', '"schema":') }, 'badSignature'],
    ['the signature of another key of that id', otherMac, 'badSignature'],
    ['a signature of another kind', { ...entry, text: entry.text.replace(' v1.', ' v2.') }, 'badSignature'],
    ['a signature cut short', { ...entry, text: entry.text.replace(/(v1\.a\..{42})./, '$1') }, 'badSignature'],
    ['a key nobody knows', entryOf({}, makeKeys('c')), 'unknownKey'],
    ["another endpoint's entry", other, 'otherEndpoint'],
    ['an entry of long ago', entryOf({ issuedAtMs: nowMs - maxAgeMs - 1 }), 'expired'],
    ['an entry from the far future', entryOf({ issuedAtMs: nowMs + 3_600_000 }), 'fromTheFuture'],
    ['an old entry at a higher score', { ...entry, score: 1e9 }, 'malformed'],
    ['an entry at the score infinity', { ...entry, score: Infinity }, 'malformed'],
    ['an entry at no score', { ...entry, score: NaN }, 'malformed'],
    ['an old entry at a later instant', { ...entry, text: `9${entry.text.slice(1)}` }, 'malformed'],
    ['another schema', sealed(JSON.stringify({ ...payload, schema: 2 })), 'otherSchema'],
    ['a generation below one', sealed(JSON.stringify({ ...payload, generation: 0 })), 'malformed'],
    ['an address without sense', sealed(JSON.stringify({ ...payload, address: ['tcp', 'a b', 1] })), 'malformed'],
    ['an address of another form', sealed(JSON.stringify({ ...payload, address: 'a:1' })), 'malformed'],
    ['no identity', sealed(JSON.stringify({ ...payload, identity: [] })), 'malformed'],
    ['no instant', sealed(JSON.stringify({ ...payload, issuedAtMs: null })), 'malformed'],
    ['bad JSON that is signed', sealed('{"schema":}'), 'malformed'],
  ])('%s', (_, found, refusal) => {
    expect(found).not.toEqual(entry);
    expect(read(found)).toEqual({ kind: 'refused', refusal });
  });

  it('an entry with any one character changed', () => {
    fc.assert(
      fc.property(fc.nat(entry.text.length - 1), fc.string({ minLength: 1, maxLength: 1 }), (at, character) => {
        const text = entry.text.slice(0, at) + character + entry.text.slice(at + 1);
        if (text === entry.text) return;
        expect(read({ ...entry, text }).kind).toBe('refused');
      }),
      { numRuns: 1_000 },
    );
  });

  it('bytes of any kind', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const reader = { keys, maxAgeMs, wallClock: () => nowMs };
        expect(readMember(bytes, 3, demo, reader).kind).toBe('refused');
      }),
    );
  });
});

describe('the order of members, as Redis has it', () => {
  it('is that of stamps, and a tombstone hides the entry of the same stamp', () => {
    const at = (generation: number, issuedAtMs: number) => ({ ...nodeOf(generation), issuedAtMs });
    const entry = (generation: number, issuedAtMs: number) =>
      encodeEntry(signed(at(generation, issuedAtMs), keys), 's');
    const inOrder: Member[] = [
      entry(3, 999),
      entry(3, nowMs),
      encodeTombstone(at(3, nowMs)),
      entry(3, nowMs + 1),
      encodeTombstone(endOfGeneration(demo, nodeOf(3).generation)),
      entry(4, 1),
      encodeTombstone(at(4, 1)),
      entry(10, 1),
    ];
    const byRedis = [...inOrder]
      .reverse()
      .sort((a, b) => a.score - b.score || Buffer.compare(Buffer.from(a.text), Buffer.from(b.text)));
    expect(byRedis).toEqual(inOrder);
  });

  it('a tombstone is no node', () => {
    expect(read(encodeTombstone(nodeOf(3)))).toEqual({ kind: 'tombstone' });
  });
});

describe('keys', () => {
  const hex = 'ab'.repeat(32);
  it.each([
    [['nonsense'], 'key 1 is not of the form id:hex'],
    [[`a:${hex}`, `b:${hex}0`], 'key 2 is not of the form id:hex'],
    [[`a b:${hex}`], 'key 1 is not of the form id:hex'],
    [[`:${hex}`], 'key 1 is not of the form id:hex'],
    [[`a:${'ab'.repeat(31)}`], 'key 1 is shorter than 32 bytes'],
    [[`a:${hex}`, `a:${hex}`], 'key 2 has the id of another one'],
  ])('%j are refused, and not repeated', (texts, what) => {
    expect(parseNodeKeys(texts)).toEqual({ ok: false, what });
  });

  it('sign with the first', () => {
    expect(signNode(nodeOf(3), keys)).toMatch(/^v1\.a\.[A-Za-z0-9_-]{43}$/);
    expect(signNode(nodeOf(3), new Map())).toBeUndefined();
  });
});
