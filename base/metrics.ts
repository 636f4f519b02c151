/** A number that only grows: jobs done, bytes sent. */
export interface Counter {
  add(amount: number): void
}

/** A number that goes up and down: peers, queued jobs. */
export interface Gauge {
  set(value: number): void
}

/** Where services report figures. Names are snake_case with the unit last, such as `quern_trained_steps`. */
export interface Metrics {
  counter(name: string, help: string): Counter
  gauge(name: string, help: string): Gauge
}

/** Metrics that go nowhere. */
export const noopMetrics: Metrics = {
  counter: () => ({ add: ignore }),
  gauge: () => ({ set: ignore }),
}

function ignore(): void {}
