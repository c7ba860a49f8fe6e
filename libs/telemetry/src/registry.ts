import { Registry, collectDefaultMetrics } from 'prom-client';

export type MetricsRegistry = Registry;

/** A registry with the process' own figures (CPU, memory, event loop delay, open file descriptors). */
export function createRegistry(app: string): MetricsRegistry {
  const registry = new Registry();
  registry.setDefaultLabels({ app });
  collectDefaultMetrics({ register: registry });
  return registry;
}
