import { AppError } from '#base/error.ts'
import type { TrainSpec } from '#wire/spec.ts'
import { rateCount, rateSlots } from '../exact/lowering.ts'
import { createNoise } from '../exact/noise.ts'
import { createRates } from '../exact/rates.ts'
import { type OnnxGraph, encodeForward, encodeTraining, nextOf } from '../export/onnx-training.ts'
import { noiseInput } from '../export/onnx-mappings/dropout.ts'
import type { OnnxType } from '../export/onnx-writer.ts'
import type { Backend, BackendModel, Batch, FlatState } from './backend.ts'

/** The part of onnxruntime's interface that is used; onnxruntime-node and onnxruntime-web both have it. */
export interface OnnxRuntime {
  readonly InferenceSession: {
    create(bytes: Uint8Array, options?: object): Promise<OnnxSession>
  }
  readonly Tensor: new (
    type: 'float32' | 'int32',
    values: Float32Array | Int32Array,
    shape: readonly number[],
  ) => OnnxTensor
}

interface OnnxTensor {
  readonly data: unknown
}

interface OnnxSession {
  run(feeds: Record<string, OnnxTensor>): Promise<Record<string, OnnxTensor>>
  release(): Promise<void>
}

export interface OnnxBackendOptions {
  readonly name: string
  readonly runtime: OnnxRuntime
  /** Such as `cpu`, `webgpu`, `wasm`. */
  readonly provider: string
  readonly threads?: number
}

type Vector = 'p' | 'm' | 'v'
type Tensors = Record<string, OnnxTensor>

const vectors = ['p', 'm', 'v'] as const
const typeNames: Readonly<Partial<Record<OnnxType, 'float32' | 'int32'>>> = {
  f32: 'float32',
  i32: 'int32',
}
const logErrorsOnly = 3

/** The training graph in an onnxruntime. */
export function createOnnxBackend(options: OnnxBackendOptions): Backend {
  return { name: options.name, open: (spec) => openModel(spec, options) }
}

async function openModel(spec: TrainSpec, options: OnnxBackendOptions): Promise<BackendModel> {
  const { runtime } = options
  const training = await openGraph(encodeTraining(spec), options)
  let forward: OpenGraph | undefined
  const rates = createRates(spec)
  const slots = new Float32Array(rateCount)
  const keys = new Uint8Array(4 * training.size(noiseInput))
  const noise = createNoise(keys)
  const used = vectors.filter((name) => training.shapes.has(name))
  let tensors = fill(used, (name) => training.tensor(name, new Float32Array(training.size(name))))

  function state(): Promise<FlatState> {
    const values = (name: Vector) => valuesOf(tensors, name)
    return Promise.resolve({ p: values('p'), m: values('m'), v: values('v'), step: rates.step })
  }

  return {
    state,
    load(given) {
      tensors = fill(used, (name) => training.tensor(name, given[name].slice()))
      rates.setStep(given.step)
    },
    setNoise: noise.setSeed,
    async train(batch) {
      const { step } = rates
      noise.write(step)
      rates.advance(slots)
      const outside = { ...training.batch(batch), ...dropped(), ...scalars() }
      const found = await training.run({ ...tensors, ...outside })
      tensors = fill(used, (name) => found[nextOf(name)] as OnnxTensor)
      const [loss] = valuesOf(found, 'loss')
      if (loss === undefined || !Number.isFinite(loss))
        throw new AppError({ code: 'NON_FINITE', step })
      return loss
    },
    async forward(batch) {
      forward ??= await openGraph(encodeForward(spec), options)
      const found = await forward.run({ p: tensors['p'] as OnnxTensor, ...forward.batch(batch) })
      return { logits: valuesOf(found, 'logits'), losses: valuesOf(found, 'losses') }
    },
    async close() {
      await training.close()
      await forward?.close()
    },
  }

  /** Keys of what this step drops. */
  function dropped(): Tensors {
    if (keys.length === 0) return {}
    return { [noiseInput]: training.tensor(noiseInput, new Int32Array(keys.slice().buffer)) }
  }

  function scalars(): Tensors {
    const names = (['rate', 'correction', 'keep'] as const).filter((name) =>
      training.shapes.has(name),
    )
    return fill(names, (name) => {
      return new runtime.Tensor('float32', slots.slice(rateSlots[name], rateSlots[name] + 1), [])
    })
  }
}

function fill<Name extends string>(
  names: readonly Name[],
  make: (name: Name) => OnnxTensor,
): Tensors {
  return Object.fromEntries(names.map((name) => [name, make(name)]))
}

/** The values of a tensor; none where there is no such tensor. */
function valuesOf(tensors: Tensors, name: string): Float32Array {
  return (tensors[name]?.data as Float32Array | undefined) ?? new Float32Array()
}

type OpenGraph = Awaited<ReturnType<typeof openGraph>>

async function openGraph({ bytes, inputs }: OnnxGraph, options: OnnxBackendOptions) {
  const { runtime, provider, threads } = options
  const session = await runtime.InferenceSession.create(bytes, {
    executionProviders: [provider],
    logSeverityLevel: logErrorsOnly,
    ...(threads !== undefined && { intraOpNumThreads: threads, interOpNumThreads: 1 }),
  })
  const shapes = new Map(inputs.map(({ name, shape }) => [name, shape.map(Number)]))
  const types = new Map(inputs.map(({ name, type }) => [name, typeNames[type] ?? 'float32']))
  const tensor = (name: string, values: Float32Array | Int32Array) =>
    new runtime.Tensor(types.get(name) ?? 'float32', values, shapes.get(name) ?? [])
  return {
    shapes,
    tensor,
    size: (name: string) => (shapes.get(name) ?? [0]).reduce((product, side) => product * side, 1),
    batch: ({ x, y }: Batch): Tensors => ({ x: tensor('x', x), y: tensor('y', y) }),
    run: (feeds: Tensors) => session.run(feeds),
    close: () => session.release(),
  }
}
