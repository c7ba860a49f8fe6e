// Fails a test that leaves something open which would keep a process alive, or a port taken, in production.

import { waitFor } from './wait-for.js';

const watched = [
  'TCPSocketWrap',
  'TCPServerWrap',
  'TCPConnectWrap',
  'TLSWrap',
  'PipeWrap',
  'PipeServerWrap',
  'PipeConnectWrap',
  'UDPWrap',
  'ProcessWrap',
  'FSEventWrap',
] as const;

/** Closing takes a turn or two of the event loop, a peer's FIN a little more. */
const settleLimitMs = 2_000;

export interface LeakCheck {
  /** Throws, naming what is still open, when there is more of it than at the start. */
  expectNothingLeft(): Promise<void>;
}

/** To be started before what is tested: `beforeEach(() => (leaks = startLeakCheck()))`. */
export function startLeakCheck(): LeakCheck {
  const before = countOpen();
  const leaked = (): string[] => {
    const now = countOpen();
    return watched.flatMap((kind) => {
      const surplus = (now.get(kind) ?? 0) - (before.get(kind) ?? 0);
      return surplus > 0 ? [`${surplus} ${kind}`] : [];
    });
  };
  return {
    async expectNothingLeft() {
      await waitFor(() => leaked().length === 0, settleLimitMs).catch(() => {
        throw new Error(`left open: ${leaked().join(', ')}`);
      });
    },
  };
}

function countOpen(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}
