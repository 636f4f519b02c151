import { describe, expect, onTestFinished, test } from 'vitest'
import { createMetricsServer } from '#cli/metrics-server.ts'

describe('createMetricsServer', () => {
  test('serves counters, gauges and the process’s own figures', async () => {
    const server = createMetricsServer({ port: 0 })
    await server.start()
    onTestFinished(() => server.stop())
    server.counter('quern_jobs_done', 'jobs done').add(2)
    server.counter('quern_jobs_done', 'jobs done').add(1)
    server.gauge('quern_peers', 'peers').set(4)
    const response = await fetch(server.url())
    const text = await response.text()
    expect(text).toMatch(/^quern_jobs_done 3$/m)
    expect(text).toMatch(/^quern_peers 4$/m)
    expect(text).toContain('quern_process_cpu_seconds_total')
    expect((await fetch(server.url().replace('metrics', 'other'))).status).toBe(404)
  })

  test('PORT_TAKEN', async () => {
    const first = createMetricsServer({ port: 0 })
    await first.start()
    onTestFinished(() => first.stop())
    const second = createMetricsServer({ port: Number(new URL(first.url()).port) })
    await expect(second.start()).rejects.toMatchObject({ code: 'PORT_TAKEN' })
  })

  test('stops, though a client keeps its connection', async () => {
    const server = createMetricsServer({ port: 0 })
    await server.start()
    const url = server.url()
    await (await fetch(url)).text()
    await server.stop()
    await expect(fetch(url)).rejects.toThrow()
  })
})
