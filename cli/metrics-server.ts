import { type Server, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Counter, Gauge, Registry, collectDefaultMetrics } from 'prom-client'
import { AppError } from '#base/error.ts'
import type { Metrics } from '#base/metrics.ts'
import type { Service } from '#base/service.ts'

export interface MetricsServer extends Service, Metrics {
  /** Where the metrics are served, once started. */
  url(): string
}

/** Serves Prometheus metrics at /metrics on the loopback address, the process's own among them. */
export function createMetricsServer(options: { readonly port: number }): MetricsServer {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, prefix: 'quern_' })
  let server: Server | undefined

  async function start(): Promise<void> {
    const own = createServer((request, response) => {
      if (request.method !== 'GET' || request.url !== '/metrics') {
        response.writeHead(404).end()
        return
      }
      registry.metrics().then(
        (text) => response.writeHead(200, { 'content-type': registry.contentType }).end(text),
        () => response.writeHead(500).end(),
      )
    })
    own.maxConnections = 16
    own.requestTimeout = 5000
    server = own
    await listen(own, options.port)
  }

  async function stop(): Promise<void> {
    const own = server
    server = undefined
    if (own === undefined) return
    own.closeAllConnections()
    await new Promise<void>((resolve) => own.close(() => resolve()))
  }

  function url(): string {
    const port = (server?.address() as AddressInfo | null | undefined)?.port
    return `http://127.0.0.1:${port ?? options.port}/metrics`
  }

  return { start, stop, url, ...metricsOf(registry) }
}

function metricsOf(registry: Registry): Metrics {
  const own = { registers: [registry] }
  return {
    counter(name, help) {
      const known = registry.getSingleMetric(name)
      const counter = known instanceof Counter ? known : new Counter({ name, help, ...own })
      return { add: (amount) => counter.inc(amount) }
    },
    gauge(name, help) {
      const known = registry.getSingleMetric(name)
      const gauge = known instanceof Gauge ? known : new Gauge({ name, help, ...own })
      return { set: (value) => gauge.set(value) }
    },
  }
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      reject(new AppError({ code: 'PORT_TAKEN', port }, { cause: error }))
    })
    server.listen(port, '127.0.0.1', () => resolve())
  })
}
