import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { isInstalled, knownBackends } from '#compute/backends/known.ts'
import { probeBackends } from '#compute/backends/probe.ts'
import { relativeMax } from '#compute/train/tolerance.ts'
import { backendFinding } from '#cli/doctor.ts'
import { scratch } from '../data/scratch.ts'

const msMax = 120_000
const root = fileURLToPath(new URL('../../../..', import.meta.url))
/** onnxruntime-node on its CPU provider. */
const backends = knownBackends.slice(0, 1)
/** Where `npm run bench:compute` installs it, else where a user does. */
const folder = [join(root, 'node_modules/.cache/quern-bench/onnxruntime-node'), root].find(
  (place) => backends.every((known) => isInstalled(known, place)),
)
const environment = { PATH: process.env['PATH'] }

/** A folder in which each backend's package is this module. */
function folderOf(source: string): string {
  const place = join(scratch('package.json', '{}'), '..')
  for (const { package: name } of knownBackends) {
    mkdirSync(join(place, 'node_modules', name), { recursive: true })
    writeFileSync(join(place, 'node_modules', name, 'index.js'), source)
  }
  return place
}

describe('probeBackends', () => {
  test('tells how to install what is missing', async () => {
    const empty = join(scratch('package.json', '{}'), '..')
    const found = await probeBackends({ folder: empty, environment })
    expect(found.map(({ state }) => state)).toEqual(knownBackends.map(() => 'missing'))
    expect(backendFinding(found[0] as (typeof found)[0])).toEqual({
      name: 'onnxruntime-node cpu',
      state: 'missing',
      text: expect.stringMatching(/^optional, not installed: .*npm install/),
    })
  })

  test.each([
    ['cannot be loaded', "throw new Error('no such library')", 'no such library'],
    ['ends its process', 'process.exit(7)', 'ended with 7'],
    [
      'has no such provider',
      "exports.InferenceSession = { create() { throw new Error('no adapter') } }; exports.Tensor = class {}",
      'no adapter',
    ],
  ])(
    'refuses a backend that %s',
    async (_name, source, reason) => {
      const [finding] = await probeBackends({
        folder: folderOf(source),
        environment,
        backends,
        msMax,
      })
      expect(finding).toMatchObject({ state: 'refused', reason: expect.stringContaining(reason) })
      expect(finding && backendFinding(finding)).toMatchObject({ state: 'missing' })
    },
    msMax,
  )

  test.skipIf(folder === undefined)(
    'tests and times onnxruntime-node (skipped where it is not installed: npm run bench:compute installs it)',
    async () => {
      const [cpu] = await probeBackends({ folder: folder ?? '', environment, backends, msMax })
      expect(cpu).toMatchObject({ name: 'onnxruntime-node cpu', state: 'ok' })
      if (cpu?.state !== 'ok') return
      expect(cpu.relative).toBeLessThan(relativeMax)
      expect(cpu.stepsPerSecond).toBeGreaterThan(0)
      expect(backendFinding(cpu).text).toMatch(/agrees with the exact engine within .* steps\/s/)
    },
    msMax,
  )
})
