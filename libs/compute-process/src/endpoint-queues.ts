import type { EndpointId } from '@pgwake/ids';

/** Runs the tasks of one endpoint one after the other, in the order they came; endpoints do not wait for each other. */
export class EndpointQueues {
  readonly #last = new Map<EndpointId, Promise<unknown>>();

  run<T>(endpoint: EndpointId, task: () => Promise<T>): Promise<T> {
    const result = (this.#last.get(endpoint) ?? Promise.resolve()).then(task);
    const settled = result
      .catch(() => undefined) // the caller hears of it; the next task runs anyway
      .then(() => {
        if (this.#last.get(endpoint) === settled) this.#last.delete(endpoint);
      });
    this.#last.set(endpoint, settled);
    return result;
  }

  /** Resolves when every task queued so far is done. */
  async idle(): Promise<void> {
    await Promise.all(this.#last.values());
  }
}
