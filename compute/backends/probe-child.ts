import { readKernels } from '../train/session.ts'
import { createEngine } from '../exact/engine.ts'
import type { BackendModel } from './backend.ts'
import { knownBackends, loadBackend } from './known.ts'
import type { ProbeReply, ProbeRequest } from './probe.ts'
import { createBatch, createReference, selfTest, speedOf } from './self-test.ts'
import { selfTestSpecs, speedSpec } from './self-test-specs.ts'

/** The process that loads and tests one backend: exact figures first, then foreign code. */

const speedMs = 250
const reasonLengthMax = 300
const seed = `0x${'7e'.repeat(32)}` as const

process.once('message', (request: ProbeRequest) => {
  answer(request).then(
    (reply) => process.send?.(reply),
    (error: unknown) => process.send?.({ reason: reasonOf(error) }),
  )
})

async function answer({ name, folder }: ProbeRequest): Promise<ProbeReply> {
  const known = knownBackends.find((candidate) => candidate.name === name)
  if (!known) return { reason: 'it is not known' }
  const wasm = await readKernels()
  const exactStepsPerSecond = await exactSpeed(wasm)
  const references = []
  for (const [title, spec] of Object.entries(selfTestSpecs)) {
    references.push(await createReference(title, spec, { wasm }))
  }
  const backend = loadBackend(known, folder)
  const agreements = await selfTest(backend, references)
  const model = await backend.open(speedSpec)
  const stepsPerSecond = await speedOf(model, createBatch(speedSpec, 0), speedMs)
  const relative = Math.max(...agreements.map((agreement) => agreement.relative))
  return { relative, stepsPerSecond, exactStepsPerSecond }
}

async function exactSpeed(wasm: Uint8Array<ArrayBuffer>): Promise<number> {
  const engine = await createEngine(speedSpec, wasm)
  engine.initialize(seed)
  const model: Pick<BackendModel, 'train'> = {
    train({ x, y }) {
      engine.x.set(x)
      engine.y.set(y)
      return Promise.resolve(engine.train())
    },
  }
  return speedOf(model, createBatch(speedSpec, 0), speedMs)
}

/** The last sentence of the first line: onnxruntime begins with its own places. */
function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  const [line = ''] = text.split('\n')
  return (line.split('. ').at(-1) ?? '').slice(0, reasonLengthMax)
}
