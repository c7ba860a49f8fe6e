let reached: Promise<void> | undefined;

/**
 * Resolves when everything that this turn of the event loop has read is dealt with, for all who ask in one turn together. What
 * wakes somebody else is best done then: a write in the middle of the turn changes places with its receiver there and then,
 * where there are more processes than cores, and the code that follows has to be fetched anew.
 */
export function endOfTurn(): Promise<void> {
  reached ??= new Promise((resolve) => {
    setImmediate(() => {
      reached = undefined;
      resolve();
    });
  });
  return reached;
}
