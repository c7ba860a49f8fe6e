import type { ByteDuplex } from '@pgwake/relay';

/** How long a peer may take to read our last words and close. */
export const lingerMs = 5_000;

/**
 * Says `lastWords`, half-closes, and waits for the peer to close too, dropping what it still sends; a peer that does not
 * close is cut off. An abrupt close instead could throw the last words away with a reset. Nobody else may be attached.
 */
export function closeDuplex(duplex: ByteDuplex, lastWords: Uint8Array | undefined): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      duplex.destroy();
      resolve();
    }, lingerMs);
    duplex.attach({
      onBytes: () => undefined,
      onDrain: () => undefined,
      onEnd: () => undefined,
      onClose: () => {
        clearTimeout(timer);
        resolve();
      },
    });
    if (lastWords !== undefined) duplex.write(lastWords);
    duplex.end();
  });
}
