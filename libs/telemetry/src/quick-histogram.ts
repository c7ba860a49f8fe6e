// A histogram for what happens thousands of times a second. prom-client makes a text of the labels at each observation and
// looks that up; here the series of a label is asked for once, and an observation is a few additions. What is scraped is the
// same.

import { Histogram, type MetricObjectWithValues, type MetricValueWithName, type Registry } from 'prom-client';

export interface QuickHistogramOptions<L extends string> {
  readonly name: string;
  readonly help: string;
  readonly label: L;
  /** Upper bounds, in ascending order. */
  readonly buckets: readonly number[];
  readonly registry: Registry;
}

/** The observations with one value of the label. */
export class Series {
  readonly #bounds: readonly number[];
  /** By the first bound that is not exceeded; behind them those that exceed all. */
  readonly counts: number[];
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.counts = [...bounds, Infinity].map(() => 0);
  }

  observe(value: number): void {
    let at = 0;
    while (value > (this.#bounds[at] ?? Infinity)) at += 1;
    this.counts[at] = (this.counts[at] ?? 0) + 1;
    this.sum += value;
  }
}

export class QuickHistogram<L extends string> extends Histogram<L> {
  readonly #options: QuickHistogramOptions<L>;
  readonly #series = new Map<string, Series>();
  /** Of nothing: for what else a registry wants to know. */
  readonly #empty: Histogram<L>;

  constructor(options: QuickHistogramOptions<L>) {
    const { name, help, label, buckets, registry } = options;
    const configuration = { name, help, labelNames: [label], buckets: [...buckets] };
    super({ ...configuration, registers: [registry] });
    this.#options = options;
    this.#empty = new Histogram({ ...configuration, registers: [] });
  }

  /** To be kept by whoever observes. It is scraped from now on. */
  series(value: string): Series {
    const known = this.#series.get(value);
    if (known !== undefined) return known;
    const series = new Series(this.#options.buckets);
    this.#series.set(value, series);
    return series;
  }

  override async get(): Promise<MetricObjectWithValues<MetricValueWithName<L>>> {
    const values = [...this.#series].flatMap(([value, series]) => this.#valuesOf(value, series));
    return { ...(await this.#empty.get()), values };
  }

  /** What a registry asks for first. */
  getForPromString(): ReturnType<typeof this.get> {
    return this.get();
  }

  #valuesOf(value: string, { counts, sum }: Series): MetricValueWithName<L>[] {
    const { name, label, buckets } = this.#options;
    const labels = { [label]: value } as Record<L, string>;
    let count = 0;
    const cumulative = counts.map((more, at) => {
      count += more;
      const le = buckets[at] ?? '+Inf';
      return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: count };
    });
    return [
      ...cumulative,
      { metricName: `${name}_sum`, labels, value: sum },
      { metricName: `${name}_count`, labels, value: count },
    ];
  }
}
