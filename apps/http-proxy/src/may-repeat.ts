// Which requests may come past Node's parser when their head comes again: plain queries, of which nothing but the body can differ
// from one to the next. What has a part in how the message is read, or in how it is answered piece by piece, stays Node's.

import type { IncomingMessage } from 'node:http';
import { wantsLines } from '@pgwake/sql-over-http';
import { isHost } from './is-host.js';
import { isSqlPath } from './router.js';

const readOtherwise = ['content-encoding', 'expect', 'transfer-encoding', 'upgrade'];

export function mayRepeat({ complete, httpVersion, method, url = '', headers }: IncomingMessage): boolean {
  const { connection = 'keep-alive', host } = headers;
  return (
    complete &&
    httpVersion === '1.1' &&
    method === 'POST' &&
    isSqlPath(url) &&
    connection.toLowerCase() === 'keep-alive' &&
    isHost(host) &&
    !readOtherwise.some((name) => headers[name] !== undefined) &&
    !wantsLines(headers)
  );
}
