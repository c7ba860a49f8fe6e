// The service links of all computes this instance has to do with: at most one per endpoint, to the generation asked for
// last. Losing one is the first sign that a compute has died which gives no exit event.

import type { EndpointId } from '@pgwake/ids';
import { type ComputeDriver, type ComputeRef, type RunningCompute, isSameCompute } from '@pgwake/wake-core';
import { ServiceLink } from './service-link.js';

export class ServiceLinks {
  readonly #links = new Map<EndpointId, { readonly ref: ComputeRef; readonly link: ServiceLink }>();

  constructor(
    private readonly driver: Pick<ComputeDriver, 'serviceAccess'>,
    private readonly onLost: (ref: ComputeRef) => void,
  ) {}

  to(compute: RunningCompute): ServiceLink {
    const held = this.#links.get(compute.endpoint);
    if (held && isSameCompute(held.ref, compute)) return held.link;
    void held?.link.close();
    const link = new ServiceLink(this.driver.serviceAccess(compute), () => {
      if (this.#links.get(compute.endpoint)?.link === link) this.#links.delete(compute.endpoint);
      this.onLost(compute);
    });
    this.#links.set(compute.endpoint, { ref: compute, link });
    return link;
  }

  /** The link to whichever generation it is that is connected now. It is a guess what runs, so none is made for it. */
  established(endpoint: EndpointId): { readonly ref: ComputeRef; readonly link: ServiceLink } | undefined {
    const held = this.#links.get(endpoint);
    return held?.link.isEstablished === true ? held : undefined;
  }

  /** Closes the link to this generation, if there is one. */
  async drop(ref: ComputeRef): Promise<void> {
    const held = this.#links.get(ref.endpoint);
    if (!held || !isSameCompute(held.ref, ref)) return;
    this.#links.delete(ref.endpoint);
    await held.link.close();
  }

  async close(): Promise<void> {
    const links = [...this.#links.values()];
    this.#links.clear();
    await Promise.all(links.map(({ link }) => link.close()));
  }
}
