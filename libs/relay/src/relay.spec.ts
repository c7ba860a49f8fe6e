import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { ByteDuplex, DuplexSink } from './duplex.js';
import { ProtocolViolation, startRelay, type RelayOptions, type SessionLoss } from './relay.js';

function message(tag: string, body = ''): Uint8Array {
  const bytes = Buffer.from(`${tag}\0\0\0\0${body}`);
  bytes.writeUInt32BE(body.length + 4, 1);
  return bytes;
}

/** A connection in memory. What the relay writes is `received`; `takes` says how many bytes fit before it must wait. */
class FakeDuplex implements ByteDuplex {
  readonly received: number[] = [];
  readonly calls: string[] = [];
  peer: DuplexSink | undefined;
  paused = true;
  takes = Infinity;
  buffered = 0;
  maxBuffered = 0;
  unsentBytes?: number;

  attach(sink: DuplexSink): void {
    this.peer = sink;
    this.paused = false;
  }
  detach(): void {
    this.peer = undefined;
  }
  write(bytes: Uint8Array): boolean {
    if (this.calls.length > 0) throw new Error(`written to after ${this.calls.join()}`);
    this.received.push(...bytes);
    this.buffered += bytes.length;
    this.maxBuffered = Math.max(this.maxBuffered, this.buffered);
    return this.buffered < this.takes;
  }
  drain(): void {
    this.buffered = 0;
    this.peer?.onDrain();
  }
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
  }
  end(): void {
    this.calls.push('end');
  }
  destroy(): void {
    this.calls.push('destroy');
  }

  says(...parts: Uint8Array[]): void {
    for (const part of parts) this.peer?.onBytes(part);
  }
  halfCloses(): void {
    this.peer?.onEnd();
  }
  closes(cause?: Error): void {
    this.peer?.onClose(cause);
  }
  get text(): string {
    return Buffer.from(this.received).toString('latin1');
  }
}

const lost = message('E', 'lost');

function start(options: Partial<RelayOptions> = {}) {
  const client = new FakeDuplex();
  const compute = new FakeDuplex();
  const losses: SessionLoss[] = [];
  const lastWords = (loss: SessionLoss): Uint8Array => {
    losses.push(loss);
    return lost;
  };
  const relay = startRelay({ client, compute, lastWords, ...options });
  return { client, compute, losses, relay };
}

const text = (...parts: Uint8Array[]): string => Buffer.concat(parts).toString('latin1');
const reset = new Error('read ECONNRESET');

describe('bytes', () => {
  it('go both ways unchanged, residues first', () => {
    const { client, compute } = start({ fromClient: message('Q', '1'), fromCompute: message('S', 'a') });
    client.says(message('Q', '2'));
    compute.says(message('C', '1'), message('Z', 'I'));
    expect(compute.text).toBe(text(message('Q', '1'), message('Q', '2')));
    expect(client.text).toBe(text(message('S', 'a'), message('C', '1'), message('Z', 'I')));
  });

  it('are not written where there are none', () => {
    const written: Uint8Array[] = [];
    const [client, compute] = [new FakeDuplex(), new FakeDuplex()];
    for (const duplex of [client, compute]) duplex.write = (bytes) => written.push(bytes) > 0;
    start({ client, compute, fromClient: new Uint8Array(0), fromCompute: new Uint8Array(0) });
    expect(written).toEqual([]);
  });

  it('are handed on as the same array, without a copy', () => {
    const written: Uint8Array[] = [];
    const { client, compute } = start();
    compute.write = (bytes) => written.push(bytes) > 0;
    const chunk = message('Q', 'x');
    client.says(chunk);
    expect(written[0]).toBe(chunk);
  });

  it.each(['client', 'compute'] as const)(
    'lent by the %s are its own again once the other side needs nothing',
    (lender) => {
      const { client, compute } = start();
      const [from, to] = lender === 'client' ? [client, compute] : [compute, client];
      const lend = (): unknown => from.peer?.onLentBytes?.(message('A', 'x'));
      expect(lend()).toBe('kept'); // nobody says what is still needed
      to.unsentBytes = 0;
      expect(lend()).toBe('returned');
      to.unsentBytes = 3;
      expect(lend()).toBe('kept');
      expect(to.text).toBe(text(message('A', 'x'), message('A', 'x'), message('A', 'x')));
    },
  );

  it.each(['client', 'compute'] as const)('stop coming from the other side when the %s takes no more', (slow) => {
    const { client, compute } = start();
    const [reader, writer] = slow === 'client' ? [client, compute] : [compute, client];
    reader.takes = 10;
    writer.says(message('A', '1'));
    expect(writer.paused).toBe(false);
    writer.says(message('A', '2'));
    expect([writer.paused, reader.paused]).toEqual([true, false]);
    reader.drain();
    expect(writer.paused).toBe(false);
  });

  it('stand still from the start when a residue fills the other side', () => {
    const compute = new FakeDuplex();
    compute.takes = 3;
    const { client } = start({ compute, fromClient: message('Q', 'long') });
    expect(client.paused).toBe(true);
    compute.drain();
    expect(client.paused).toBe(false);
  });

  it('arrive complete and in order whatever the cuts and the pace, with no more buffered than one chunk beyond the limit', () => {
    const chunks = fc.array(fc.uint8Array({ minLength: 1, maxLength: 30 }), { maxLength: 30 });
    fc.assert(
      fc.property(
        chunks,
        fc.integer({ min: 1, max: 64 }),
        fc.array(fc.boolean(), { minLength: 1 }),
        (data, takes, paces) => {
          const { client, compute } = start();
          client.takes = takes;
          const stream = data.map((bytes) =>
            message(
              'd',
              Buffer.from(bytes)
                .toString('latin1')
                .replace(/[^ -~]/g, '.'),
            ),
          );
          let turn = 0;
          for (const chunk of stream) {
            while (compute.paused) if (paces[turn++ % paces.length] || turn % 7 === 0) client.drain();
            compute.says(chunk);
          }
          expect(client.text).toBe(text(...stream));
          expect(client.maxBuffered).toBeLessThan(takes + 35);
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('an end by the client', () => {
  it('is passed on as a half-close, and the answer still arrives', async () => {
    const { client, compute, relay, losses } = start();
    client.says(message('Q', 'slow'));
    client.halfCloses();
    expect([compute.calls, client.calls]).toEqual([['end'], []]);
    compute.says(message('C', '1'), message('Z', 'I'));
    compute.halfCloses();
    expect(client.calls).toEqual(['end']);
    client.closes();
    compute.closes();
    expect(client.text).toBe(text(message('C', '1'), message('Z', 'I')));
    expect(losses).toEqual([]);
    await expect(relay.ended).resolves.toEqual({
      endedBy: 'client',
      cause: undefined,
      bytesUp: 9,
      bytesDown: 12,
      atEnd: 'inQuery',
    });
  });

  it('is the end by the client after Terminate, even when the compute closes first', async () => {
    const { client, compute, relay, losses } = start();
    client.says(message('X'));
    compute.halfCloses();
    compute.closes();
    client.closes(reset);
    await expect(relay.ended).resolves.toMatchObject({ endedBy: 'client', cause: undefined, atEnd: 'idle' });
    expect(losses).toEqual([]);
    expect(compute.text).toBe(text(message('X')));
  });

  it('by a reset closes the compute at once', async () => {
    const { client, compute, relay } = start();
    client.says(message('Q', 'x'));
    client.closes(reset);
    expect(compute.calls).toEqual(['destroy']);
    compute.closes();
    await expect(relay.ended).resolves.toMatchObject({ endedBy: 'client', cause: reset, atEnd: 'inQuery' });
  });

  it('in an orderly way lets the compute read all that was sent', () => {
    const { client, compute } = start();
    client.says(message('Q', 'insert'), message('X'));
    client.closes();
    compute.says(message('C', '1')); // nobody reads it
    expect(compute.calls).toEqual(['end']);
    expect(client.received).toEqual([]);
  });
});

describe('a lost compute', () => {
  it('is told to an idle client before its connection ends', async () => {
    const { client, compute, relay, losses } = start();
    compute.closes(reset);
    expect(losses).toEqual([{ kind: 'computeLost', state: 'idle', cause: reset }]);
    expect([client.text, client.calls]).toEqual([text(lost), ['end']]);
    client.closes();
    await expect(relay.ended).resolves.toMatchObject({ endedBy: 'compute', cause: reset, atEnd: 'idle', bytesDown: 0 });
  });

  it('is told to a client whose query was out, with that state', () => {
    const { client, compute, losses } = start();
    client.says(message('Q', 'commit'));
    compute.says(message('D', 'row'));
    compute.halfCloses();
    expect(losses).toMatchObject([{ kind: 'computeLost', state: 'inQuery' }]);
    expect(client.text).toBe(text(message('D', 'row'), lost));
  });

  it('is told to a client that half-closed and waits for its answer', () => {
    const { client, compute } = start();
    client.says(message('Q', 'x'));
    client.halfCloses();
    compute.closes(reset);
    expect(client.text).toBe(text(lost));
  });

  it('is not told in the middle of a message', () => {
    const { client, compute, losses } = start();
    client.says(message('Q', 'x'));
    compute.says(message('D', 'long row').subarray(0, 9));
    compute.closes(reset);
    expect([losses, client.calls, client.received.length]).toEqual([[], ['end'], 9]);
  });

  it('is not told again by us when the compute gave its reason', () => {
    const { client, compute, losses } = start();
    compute.says(message('E', 'SFATAL'));
    compute.halfCloses();
    expect([losses, client.text]).toEqual([[], text(message('E', 'SFATAL'))]);
  });

  it('ends both sides exactly once, however many events follow', async () => {
    const { client, compute, relay } = start();
    compute.halfCloses();
    compute.closes(reset);
    client.says(message('Q', 'too late'));
    client.halfCloses();
    client.closes(reset);
    relay.finish(message('E'));
    relay.destroy();
    await relay.ended;
    expect([client.calls, compute.calls, compute.received]).toEqual([['end'], ['end'], []]);
  });

  it('still reads on at the client, otherwise the end of a paused client is never seen', () => {
    const { client, compute } = start();
    compute.takes = 1;
    client.says(message('Q', 'x'));
    expect(client.paused).toBe(true);
    compute.closes(reset);
    expect(client.paused).toBe(false);
  });
});

describe('nonsense', () => {
  const nonsense = Uint8Array.of(0x51, 0xff, 0xff, 0xff, 0xff, 1, 2, 3);

  it('from the client ends the session and does not reach the compute', async () => {
    const { client, compute, relay, losses } = start();
    client.says(nonsense);
    expect(losses).toEqual([{ kind: 'violation', by: 'client', state: 'inQuery' }]);
    expect([compute.received, client.text]).toEqual([[], text(lost)]);
    client.closes();
    compute.closes();
    const ending = await relay.ended;
    expect(ending).toMatchObject({ endedBy: 'client', bytesUp: 0 });
    expect(ending.cause).toBeInstanceOf(ProtocolViolation);
  });

  it('from the compute ends the session and does not reach the client', async () => {
    const { client, compute, relay } = start();
    compute.says(message('A', 'fine'));
    compute.says(Buffer.concat([message('A', 'same chunk'), nonsense]));
    expect(client.text).toBe(text(message('A', 'fine'), lost));
    client.closes();
    compute.closes();
    await expect(relay.ended).resolves.toMatchObject({ endedBy: 'compute' });
  });

  it('from the compute after the beginning of a message just closes the client', () => {
    const { client, compute, losses } = start();
    const row = message('D', 'row');
    compute.says(row.subarray(0, 6), Buffer.concat([row.subarray(6), nonsense]));
    expect([losses, client.received.length, client.calls]).toEqual([[], 6, ['end']]);
  });

  it('in a residue ends the session before it begins', async () => {
    const { client, compute, relay } = start({ fromClient: nonsense });
    expect([client.text, client.calls, compute.calls]).toEqual([text(lost), ['end'], ['end']]);
    client.closes();
    compute.closes();
    await expect(relay.ended).resolves.toMatchObject({ endedBy: 'client' });
  });
});

describe('finish', () => {
  const bye = message('E', '57P01');

  it('tells the client between two messages, once, and ends both sides', async () => {
    const { client, compute, relay } = start();
    relay.finish(bye);
    relay.finish(bye);
    expect([client.text, client.calls, compute.calls]).toEqual([text(bye), ['end'], ['end']]);
    client.closes();
    compute.closes();
    await expect(relay.ended).resolves.toMatchObject({ endedBy: 'gateway', cause: undefined, atEnd: 'idle' });
  });

  it('says nothing inside a message', () => {
    const { client, compute, relay } = start();
    compute.says(message('D', 'row').subarray(0, 3));
    relay.finish(bye);
    expect([client.received.length, client.calls]).toEqual([3, ['end']]);
  });

  it('says nothing more after the compute was lost', () => {
    const { client, compute, relay } = start();
    compute.closes(reset);
    relay.finish(bye);
    expect(client.text).toBe(text(lost));
  });

  it('when idle is at once for an idle session', () => {
    const { client, relay } = start();
    relay.finishWhenIdle(bye);
    expect(client.text).toBe(text(bye));
  });

  it('when idle waits for the end of the transaction, and no further query reaches the compute', () => {
    const { client, compute, relay } = start();
    client.says(message('Q', 'begin'));
    compute.says(message('C'), message('Z', 'T'));
    relay.finishWhenIdle(bye);
    client.says(message('Q', 'commit'));
    expect(client.calls).toEqual([]);
    compute.says(message('C'), message('Z', 'I'));
    client.says(message('Q', 'one more'));
    expect(client.text).toBe(text(message('C'), message('Z', 'T'), message('C'), message('Z', 'I'), bye));
    expect(compute.text).toBe(text(message('Q', 'begin'), message('Q', 'commit')));
  });

  it('reports once that both sides were told, so that a timer can end those that never close', async () => {
    let told = 0;
    const { client, compute, relay } = start({ onBothEnded: () => told++ });
    client.says(message('Q', 'x'));
    client.halfCloses();
    expect(told).toBe(0); // it waits for its answer
    compute.halfCloses();
    expect(told).toBe(1);
    relay.destroy();
    expect([client.calls, compute.calls]).toEqual([
      ['end', 'destroy'],
      ['end', 'destroy'],
    ]);
    client.closes();
    compute.closes();
    await relay.ended;
    expect(told).toBe(1);
  });

  it('comes when the compute is given up, and a compute that is gone is not waited for', async () => {
    let told = 0;
    const { client, compute, losses, relay } = start({ onBothEnded: () => told++ });
    client.says(message('Q', 'select 1\0'));
    const cause = new Error('no sign of life');
    relay.loseCompute(cause);
    relay.loseCompute(new Error('again'));
    expect(losses).toEqual([{ kind: 'computeLost', state: 'inQuery', cause }]);
    expect([client.text, told]).toEqual([Buffer.from(lost).toString('latin1'), 1]);
    expect([client.calls, compute.calls]).toEqual([['end'], ['end', 'destroy']]);
    compute.closes();
    client.closes();
    await expect(relay.ended).resolves.toMatchObject({ endedBy: 'compute', cause, atEnd: 'inQuery' });
  });

  it('adds no words to half a message of a compute that is given up', () => {
    const { client, compute, losses, relay } = start();
    client.says(message('Q', 'select 1\0'));
    const half = message('D', 'a long row').subarray(0, 8);
    compute.says(half);
    relay.loseCompute(new Error('no sign of life'));
    expect([losses, client.received]).toEqual([[], [...half]]);
    expect([client.calls, compute.calls]).toEqual([['end'], ['end', 'destroy']]);
  });

  it('is not needed after destroy, which closes both sides at once', async () => {
    let told = 0;
    const { client, compute, relay } = start({ onBothEnded: () => told++ });
    const cause = new Error('the session took too long');
    relay.destroy(cause);
    relay.finish(bye);
    client.closes();
    compute.closes();
    await expect(relay.ended).resolves.toMatchObject({ endedBy: 'gateway', cause, atEnd: 'idle' });
    expect([client.calls, compute.calls, client.received, told]).toEqual([['destroy'], ['destroy'], [], 0]);
  });
});
