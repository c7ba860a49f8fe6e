// A client sends the same head on its connection again and again, but for the length of the body. To see that costs less than
// to take each one apart anew.

import type { IncomingHttpHeaders } from 'node:http';
import { BriefMemory } from './brief-memory.js';

interface Head {
  /** Names and values in turn, as they came. */
  readonly raw: readonly string[];
  readonly headers: IncomingHttpHeaders;
}

export class RecentHeads {
  readonly #heads = new BriefMemory<object, Head>();

  /** What `raw` says, if it says what was kept of the connection. */
  find(connection: object, raw: readonly string[]): IncomingHttpHeaders | undefined {
    const head = this.#heads.get(connection);
    if (head === undefined || head.raw.length !== raw.length) return undefined;
    let length: string | undefined;
    for (let at = 0; at < raw.length; at += 1) {
      if (raw[at] === head.raw[at]) continue;
      const isValue = at % 2 === 1;
      if (!isValue || raw[at - 1]?.toLowerCase() !== 'content-length') return undefined;
      length = raw[at];
    }
    return length === undefined ? head.headers : { ...head.headers, 'content-length': length };
  }

  keep(connection: object, raw: readonly string[], headers: IncomingHttpHeaders): void {
    this.#heads.keep(connection, { raw, headers });
  }
}
