// A request of HTTP/1.1 whose body may be had as Node's parser finds it. By way of the stream that a request is, a body costs
// listeners, a queue and several turns; most are one chunk, which is there before anybody could have listened.
//
// Until somebody asks for that it is a stream like any other: what came before is in its queue, and is read from there.

import { IncomingMessage } from 'node:http';
import { RecentHeads } from './recent-heads.js';

export interface BodyReader {
  onChunk(chunk: Uint8Array): void;
  onEnd(): void;
}

const recentHeads = new RecentHeads();

export class DirectRequest extends IncomingMessage {
  #reader: BodyReader | undefined;

  /** What Node hands the head over with, and the trailers. Without it `headers` are what Node makes of them when asked. */
  _addHeaderLines(lines: readonly string[], count: number): void {
    takeLines.call(this, lines, count);
    if (this.complete) return;
    const known = recentHeads.find(this.socket, lines);
    if (known === undefined) recentHeads.keep(this.socket, lines, this.headers);
    else this.headers = known;
  }

  /** From now on chunks go to the reader, as fast as they come. False: a part has come already, so read it as a stream. */
  readDirectly(reader: BodyReader): boolean {
    if (this.complete || this.readableLength > 0) return false;
    this.#reader = reader;
    return true;
  }

  /** What the parser calls for each chunk, and with null at the end. */
  override push(chunk: Uint8Array | null, encoding?: BufferEncoding): boolean {
    if (this.#reader === undefined) return super.push(chunk, encoding);
    if (chunk !== null) {
      this.#reader.onChunk(chunk);
      return true;
    }
    // The stream has to end too: only then does Node let go of the request, and with it of the password in its headers.
    // To whom it was answered before it was complete, Node listens for that itself ("is let go of ...").
    if (this.listenerCount('end') > 0 || !endAtOnce(this)) super.push(null);
    this.#reader.onEnd();
    return false;
  }
}

/** It is not in Node's types. */
interface TakesLines {
  _addHeaderLines(lines: readonly string[], count: number): void;
}

const { _addHeaderLines: takeLines } = IncomingMessage.prototype as unknown as TakesLines;

/** How Node ends requests that have no body: at once, where a stream takes several ticks. It is not in its types. */
interface MayEndAtOnce {
  _dumpAndCloseReadable?(): void;
}

/** False: this Node has no such way. */
function endAtOnce(request: object): boolean {
  const { _dumpAndCloseReadable: end } = request as MayEndAtOnce;
  end?.call(request);
  return end !== undefined;
}
