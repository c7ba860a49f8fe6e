// The durable homes of endpoints: made from a spare copy of the template, removed by way of a trash directory, so that a
// kill at any moment leaves a whole home or none.

import { existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import { type EndpointId, parseEndpointId } from '@pgwake/ids';
import { type ClusterPlace, makePlace, placeOf } from './cluster-place.js';
import type { ProcessHome } from './process-home.js';
import { identifyProcess } from './process-table.js';
import { copyCluster, ensureTemplate, syncDirectory } from './template.js';

export class ComputeStore {
  readonly #home: ProcessHome;
  readonly #onProgress: (text: string) => void;
  #filling: Promise<void> | undefined;
  #sweeping: Promise<void> = Promise.resolve();

  constructor(home: ProcessHome, onProgress: (text: string) => void) {
    this.#home = home;
    this.#onProgress = onProgress;
    for (const name of ['computes', 'spares', 'trash']) mkdirSync(this.#in(name), { recursive: true, mode: 0o711 });
  }

  placeOf(endpoint: EndpointId): ClusterPlace {
    return placeOf(this.#in('computes', endpoint));
  }

  endpoints(): EndpointId[] {
    return readdirSync(this.#in('computes')).flatMap((name) => parseEndpointId(name) ?? []);
  }

  /** Doing it again changes nothing. Throws ComputeSetupError when a cluster cannot be made. */
  async make(endpoint: EndpointId): Promise<void> {
    const place = this.placeOf(endpoint);
    if (existsSync(place.dataDirectory)) return;
    const template = await ensureTemplate(this.#home, this.#onProgress);
    makePlace(place, this.#home.user);
    const spare = this.#in('spares', basename(template));
    while (!renamed(spare, place.dataDirectory)) await this.#fill(template, spare);
    syncDirectory(dirname(place.dataDirectory));
    // The next one waits for no copying. If this fails, the next one tries again and tells why.
    this.#fill(template, spare).catch(() => undefined);
  }

  async remove(endpoint: EndpointId): Promise<void> {
    const { directory, socketDirectory } = this.placeOf(endpoint);
    const trash = this.#in('trash', `${endpoint}-${randomBytes(4).toString('hex')}`);
    renamed(directory, trash);
    for (const path of [trash, socketDirectory]) await rm(path, { recursive: true, force: true });
  }

  /** Removes, in the background, what was half made or half removed when an earlier life was killed. */
  sweep(): void {
    const trash = readdirSync(this.#in('trash')).map((name) => this.#in('trash', name));
    const partial = ['spares', 'templates'].flatMap((area) =>
      readdirSync(this.#in(area))
        .filter(isAbandoned)
        .map((name) => this.#in(area, name)),
    );
    this.#sweeping = (async () => {
      for (const path of [...trash, ...partial]) await rm(path, { recursive: true, force: true });
    })().catch(() => undefined); // there will be another sweep
  }

  /** Resolves when nothing is copied or removed in the background any more. */
  async idle(): Promise<void> {
    await Promise.allSettled([this.#filling, this.#sweeping]);
  }

  #fill(template: string, spare: string): Promise<void> {
    this.#filling ??= copyCluster(this.#home, template, spare).finally(() => (this.#filling = undefined));
    return this.#filling;
  }

  #in(...names: string[]): string {
    return join(this.#home.root, ...names);
  }
}

/** False when there was nothing to rename. */
function renamed(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/** Names of unfinished copies end in the id of the process that makes them. */
function isAbandoned(name: string): boolean {
  const maker = /\.partial-(\d+)-/.exec(name)?.[1];
  return maker !== undefined && identifyProcess(Number(maker)) === undefined;
}
