import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { type OnnxRuntime, createOnnxBackend } from '#compute/backends/onnxruntime.ts'
import { createEngine } from '#compute/exact/engine.ts'
import { createGraphWriter, encodeModel } from '#compute/export/onnx-writer.ts'
import { readKernels } from '#compute/train/session.ts'
import type { TrainSpec } from '#wire/spec.ts'
import type { Peer, PeerOptions, Work } from './peer.ts'
import { type Product, createBatch, createValues } from './tasks.ts'

const seed = `0x${'5a'.repeat(32)}` as const

type Web = OnnxRuntime & { readonly env: { readonly wasm: { numThreads: number } } }

/** onnxruntime on its CPU provider: the exported training graph, and single products. */
export async function createPeer(
  engine: 'onnxruntime-node' | 'onnxruntime-web',
  { threads, folder }: PeerOptions,
): Promise<Peer> {
  const load = createRequire(join(folder, 'package.json'))
  const runtime = load(engine) as OnnxRuntime
  const isWeb = engine === 'onnxruntime-web'
  if (isWeb) (runtime as Web).env.wasm.numThreads = threads
  const provider = isWeb ? 'wasm' : 'cpu'
  return {
    version: versionOf(folder, engine),
    async open(task) {
      if (task.kind === 'generation') throw new Error('no graph that keeps keys and values')
      if (task.kind !== 'training') return openProduct(task, { runtime, provider, threads })
      const backend = createOnnxBackend({ name: engine, runtime, provider, threads })
      const model = await backend.open(task.spec)
      model.load(await initialStateOf(task.spec))
      const batch = createBatch(task.spec)
      return { run: async () => void (await model.train(batch)), close: () => model.close() }
    },
  }
}

function versionOf(folder: string, name: string): string {
  const path = join(folder, 'node_modules', name, 'package.json')
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version
}

/** The exact engine's first state, copied. */
async function initialStateOf(spec: TrainSpec) {
  const engine = await createEngine({ ...spec, batchSize: 1 }, await readKernels())
  engine.initialize(seed)
  const state = { p: engine.p.slice(), m: engine.m.slice(), v: engine.v.slice(), step: 0 }
  await engine.close()
  return state
}

/** One Gemm of two inputs; of a gemv the matrix is a constant, which onnxruntime may prepare. */
async function openProduct(
  task: Product,
  options: { runtime: OnnxRuntime; provider: string; threads: number },
): Promise<Work> {
  const { runtime, provider, threads } = options
  if (task.kind === 'gemv' && task.ternary) throw new Error('no ternary kernel')
  const { side } = task
  const rows = task.kind === 'gemm' ? side : 1
  const form = task.kind === 'gemm' ? task.form : 'NN'
  const writer = createGraphWriter()
  const attributes = { transA: form === 'TN' ? 1 : 0, transB: form === 'NT' ? 1 : 0 }
  const isFixed = task.kind === 'gemv'
  if (isFixed) writer.floats('b', [side, side], createValues(side * side))
  writer.node('Gemm', ['a', 'b'], { output: 'c', attributes })
  const matrix = (name: string, height: number) =>
    ({ name, type: 'f32', shape: [height, side] }) as const
  const bytes = encodeModel(writer, {
    inputs: [matrix('a', rows), ...(isFixed ? [] : [matrix('b', side)])],
    outputs: [matrix('c', rows)],
  })
  const session = await runtime.InferenceSession.create(bytes, {
    executionProviders: [provider],
    intraOpNumThreads: threads,
  })
  const a = new runtime.Tensor('float32', createValues(rows * side), [rows, side])
  const b = new runtime.Tensor('float32', createValues(side * side), [side, side])
  const feeds: Record<string, typeof a> = isFixed ? { a } : { a, b }
  return { run: async () => void (await session.run(feeds)), close: () => session.release() }
}
