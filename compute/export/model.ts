import { assert } from '#base/assert.ts'
import { equalBytes } from '#base/bytes.ts'
import { AppError } from '#base/error.ts'
import { sha256 } from '#base/crypto/sha256.ts'
import { fromHex, toHex } from '#base/hex.ts'
import { canonicalBytes, parseJson } from '#wire/canonical.ts'
import type { JobSpec } from '#wire/job.ts'
import { manifestSchema, type Manifest } from '#wire/manifest.ts'
import type { Preprocessing } from '#wire/preprocessing.ts'
import type { Hex } from '#wire/primitives.ts'
import type { TrainSpec } from '#wire/spec.ts'
import { parametersOf } from '../graph/training.ts'
import { partRootOf } from '../train/commit.ts'
import { encodeGguf, isGgufFit } from './gguf.ts'
import { encodeOnnx, encodeTextOnnx } from './onnx.ts'
import type { NamedParameter } from './onnx-forward.ts'
import { decodeSafetensors, encodeSafetensors, takeTensor, type Tensor } from './safetensors.ts'
import { unwritable } from './tfjs-layers.ts'
import { encodeTfjs, tfjsFileNames } from './tfjs.ts'

/** The files of a model directory. */
export const modelFileNames = {
  manifest: 'manifest.json',
  graph: 'graph.onnx',
  weights: 'model.safetensors',
} as const

export type ModelPart = keyof typeof modelFileNames

/** The bytes of a model's files. */
export type ModelFiles = Readonly<Record<ModelPart, Uint8Array>>

/** The files of a model by their names. */
export function listFiles(files: ModelFiles): { name: string; bytes: Uint8Array }[] {
  return (['manifest', 'graph', 'weights'] as const).map((part) => {
    return { name: modelFileNames[part], bytes: files[part] }
  })
}

/** Reads the files of a model directory. */
export async function collectFiles(
  read: (name: string) => Promise<Uint8Array>,
): Promise<ModelFiles> {
  return {
    manifest: await read(modelFileNames.manifest),
    graph: await read(modelFileNames.graph),
    weights: await read(modelFileNames.weights),
  }
}

/**
 * What other programs read, made from a model and no part of it: `model.gguf` where llama.cpp runs the model, and
 * where it is asked for a layers model of tfjs in the folder `tfjs`. Throws UNSUPPORTED as `encodeTfjs`.
 */
export function listExtras(
  { manifest, parameters }: Pick<LoadedModel, 'manifest' | 'parameters'>,
  { tfjs = false }: { readonly tfjs?: boolean } = {},
): { name: string; bytes: Uint8Array }[] {
  const { train, name, preprocessing } = manifest
  const named = nameParameters(train, parameters)
  const gguf = isGgufFit(train)
    ? [{ name: 'model.gguf', bytes: encodeGguf(train, named, { name }) }]
    : []
  return tfjs ? [...gguf, ...listTfjs(train, preprocessing, named)] : gguf
}

/** Throws UNSUPPORTED, with what to use instead, for models that tfjs has no layers for. */
export function checkTfjs(train: TrainSpec, preprocessing: Preprocessing): void {
  const count = parametersOf(train).reduce((sum, { size }) => sum + size, 0)
  listTfjs(train, preprocessing, nameParameters(train, new Float32Array(count)))
}

function listTfjs(
  train: TrainSpec,
  preprocessing: Preprocessing,
  named: readonly NamedParameter[],
): { name: string; bytes: Uint8Array }[] {
  if (preprocessing.kind === 'text') throw unwritable('transformer', 'graph.onnx or model.gguf')
  const files = encodeTfjs(train, preprocessing, named)
  return (['model', 'weights'] as const).map((part) => {
    return { name: `tfjs/${tfjsFileNames[part]}`, bytes: files[part] }
  })
}

export type BuiltModel = {
  readonly files: ModelFiles
  readonly manifest: Manifest
  readonly parameters: Float32Array
  readonly modelRoot: Hex
  readonly modelHash: Hex
}

export type LoadedModel = {
  readonly manifest: Manifest
  /** The flat vector p of the training state. */
  readonly parameters: Float32Array
  readonly modelHash: Hex
}

export type ModelOf = {
  readonly job: Pick<
    JobSpec,
    'name' | 'task' | 'metric' | 'engineId' | 'splitSeed' | 'train' | 'preprocessing'
  >
  /** The flat vector p of the training state. */
  readonly parameters: Float32Array
} & Beginning

/** What the training began from: the seed of the initial parameters, or the part root of those of a file. */
type Beginning = { readonly initialSeed: Hex } | { readonly initialRoot: Hex }

/** Writes a trained model as files; equal input gives equal bytes and the same hash everywhere. */
export function buildModel({ parameters, ...of }: ModelOf): BuiltModel {
  const { job } = of
  const modelRoot = partRootOf(parameters)
  const manifest = manifestOf(of, modelRoot)
  const named = nameParameters(job.train, parameters)
  const files = {
    manifest: canonicalBytes(manifest),
    graph: graphOf(manifest, named),
    weights: encodeWeights(named),
  }
  return { files, manifest, parameters, modelRoot, modelHash: modelHashOf(manifest) }
}

/** The manifest of a job's model with these parameters: known before anybody has their bytes. */
export function manifestOf(
  { job, ...beginning }: Pick<ModelOf, 'job'> & Beginning,
  modelRoot: Hex,
): Manifest {
  const { name, task, metric, train, preprocessing, engineId, splitSeed } = job
  const same = {
    version: 1,
    name,
    task,
    metric,
    train,
    preprocessing,
    engineId,
    modelRoot,
  } as const
  if ('initialRoot' in beginning) {
    return { ...same, seeds: { split: splitSeed }, initialRoot: beginning.initialRoot }
  }
  return { ...same, seeds: { split: splitSeed, initial: beginning.initialSeed } }
}

/** SHA256(modelRoot | SHA256(canonical manifest without CIDs)). */
export function modelHashOf(manifest: Manifest): Hex {
  const { cids: _, ...rest } = manifest
  return toHex(sha256(fromHex(manifest.modelRoot), sha256(canonicalBytes(rest))))
}

/**
 * Parses the files of a model directory. Throws MODEL_DAMAGED where they do not belong together: the parameters are
 * not those of the manifest's root, or the graph is not the one that they give.
 */
export function parseModel(files: ModelFiles): LoadedModel {
  const manifest = parseManifest(files.manifest)
  const parameters = decodeWeights(manifest.train, files.weights)
  if (partRootOf(parameters) !== manifest.modelRoot) {
    throw damaged(modelFileNames.weights, 'the parameters are not those of the manifest')
  }
  const named = nameParameters(manifest.train, parameters)
  const graph = graphOf(manifest, named)
  if (!equalBytes(graph, files.graph)) {
    throw damaged(modelFileNames.graph, 'the graph is not that of the manifest and parameters')
  }
  return { manifest, parameters, modelHash: modelHashOf(manifest) }
}

function parseManifest(bytes: Uint8Array): Manifest {
  const parsed = manifestSchema.safeParse(parseJson(bytes))
  if (parsed.success) return parsed.data
  throw damaged(modelFileNames.manifest, parsed.error.message)
}

function graphOf({ train, preprocessing }: Manifest, named: readonly NamedParameter[]): Uint8Array {
  if (preprocessing.kind === 'text') return encodeTextOnnx(train, named)
  return encodeOnnx(train, preprocessing, named)
}

function damaged(file: string, reason: string): AppError {
  return new AppError({ code: 'MODEL_DAMAGED', file, reason })
}

function nameParameters(train: TrainSpec, parameters: Float32Array): NamedParameter[] {
  const layout = parametersOf(train)
  const count = layout.reduce((sum, { size }) => sum + size, 0)
  assert(parameters.length === count, 'the parameters are as many as the model has')
  return layout.map(({ name, shape, offset, size }) => {
    return { name, shape, values: parameters.subarray(offset, offset + size) }
  })
}

function encodeWeights(named: readonly NamedParameter[]): Uint8Array<ArrayBuffer> {
  const tensors = named.map(({ name, shape, values }): [string, Tensor] => {
    return [name, { dtype: 'F32', shape, values }]
  })
  return encodeSafetensors(new Map(tensors), { format: 'pt' })
}

function decodeWeights(train: TrainSpec, bytes: Uint8Array): Float32Array {
  const source = modelFileNames.weights
  const file = decodeSafetensors(bytes, { source })
  const layout = parametersOf(train)
  const parameters = new Float32Array(layout.reduce((sum, { size }) => sum + size, 0))
  for (const { name, shape, offset } of layout) {
    const tensor = takeTensor(file, name, 'F32')
    if (tensor.shape.join() !== shape.join()) throw damaged(source, `${name} has another shape`)
    parameters.set(tensor.values, offset)
  }
  if (file.tensors.size !== layout.length)
    throw damaged(source, 'it holds more than the parameters')
  return parameters
}
