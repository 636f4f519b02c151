import { z } from 'zod'
import { AppError } from '#base/error.ts'
import { parseJson } from '#wire/canonical.ts'
import { limits } from '#wire/limits.ts'
import { modelError } from './fault.ts'

/** Limits of a layers model; nothing is held beyond its files and lists of these lengths. */
export const tfjsBounds = {
  jsonBytesMax: limits.jsonBytesMax,
  layersMax: limits.graphNodesMax,
  weightsMax: 4096,
  shardsMax: 4096,
  textMax: 1024,
  rankMax: 8,
} as const

const { layersMax, weightsMax, shardsMax, textMax, rankMax } = tfjsBounds
const text = z.string().max(textMax)
const settings = z.record(z.string(), z.unknown())

const layerSchema = z.object({
  class_name: text,
  config: settings,
  name: text.optional(),
  inbound_nodes: z.array(z.unknown()).max(64).optional(),
})
type LayerJson = z.infer<typeof layerSchema>
const layersSchema = z.array(layerSchema).min(1).max(layersMax)

const modelSchema = z.object({
  class_name: text,
  config: z.union([
    z
      .object({
        layers: layersSchema,
        input_layers: z.unknown().optional(),
        output_layers: z.unknown().optional(),
      })
      .transform((config) => ({ ...config, isList: false })),
    layersSchema.transform((layers) => ({ layers, isList: true })),
  ]),
})

const weightSchema = z.object({
  name: text,
  shape: z.array(z.int().min(0).max(limits.parametersMax)).max(rankMax),
  dtype: text,
  quantization: z.unknown().optional(),
})
const groupSchema = z.object({
  paths: z.array(text).min(1).max(shardsMax),
  weights: z.array(weightSchema).max(weightsMax),
})
const fileSchema = z.object({
  format: text.nullish(),
  modelTopology: settings,
  weightsManifest: z.array(groupSchema).max(weightsMax),
})

/** A layer of the file, and the names of the layers that it reads; of a list of layers the one before it. */
export interface TfjsLayer {
  readonly name: string
  readonly operator: string
  readonly config: Readonly<Record<string, unknown>>
  readonly inputs: readonly string[]
}

/** Where weights lie: in a group of files that are read one after another. */
export interface TfjsWeight {
  readonly shape: readonly number[]
  readonly group: number
  readonly byte: number
}

export interface TfjsModel {
  readonly file: string
  readonly layers: readonly TfjsLayer[]
  /** The name of the layer that gives the outputs. */
  readonly output: string
  readonly weights: ReadonlyMap<string, TfjsWeight>
  /** Files beside the model's with their weights, and how many bytes they have together. */
  readonly groups: readonly { readonly paths: readonly string[]; readonly sizeBytes: number }[]
}

/**
 * Decodes a model.json of tfjs's layers. Throws TFJS_INVALID with the byte, the path or the layer, TFJS_TOO_LARGE,
 * TFJS_TYPE (weights that are not binary32) or TFJS_UNSUPPORTED (graph models, several inputs, shared layers).
 */
export function decodeTfjs(bytes: Uint8Array, file: string): TfjsModel {
  const parsed = parse(fileSchema, readJson(bytes, file), { file, path: [] })
  if (parsed.format === 'graph-model') {
    const reason = 'a graph model cannot be trained; convert with --output_format=tfjs_layers_model'
    throw modelError('TFJS_UNSUPPORTED', { file, path: 'format' }, reason)
  }
  const topology = parsed.modelTopology
  const inner = Object.hasOwn(topology, 'model_config') ? ['model_config'] : []
  const path = ['modelTopology', ...inner]
  const model = parse(modelSchema, inner.length > 0 ? topology['model_config'] : topology, {
    file,
    path,
  })
  const graph = layersOf(model, { file, path: path.join('.') })
  return { file, ...graph, ...placeWeights(parsed.weightsManifest, file) }
}

function readJson(bytes: Uint8Array, file: string): unknown {
  const { jsonBytesMax } = tfjsBounds
  if (bytes.length > jsonBytesMax) {
    const reason = `${bytes.length} bytes are more than ${jsonBytesMax}`
    throw modelError('TFJS_TOO_LARGE', { file, byte: 0 }, reason)
  }
  try {
    return parseJson(bytes, jsonBytesMax)
  } catch (error) {
    const reason = error instanceof AppError && error.cause instanceof Error ? error.cause : error
    const [, at] = /position (\d+)/.exec(String(reason)) ?? []
    throw modelError('TFJS_INVALID', { file, byte: Number(at ?? 0) }, 'it is no JSON')
  }
}

function parse<Output>(
  schema: z.ZodType<Output>,
  value: unknown,
  { file, path }: { file: string; path: readonly string[] },
): Output {
  const found = schema.safeParse(value)
  if (found.success) return found.data
  const [issue] = found.error.issues
  const at = [...path, ...(issue?.path ?? [])].map(String).join('.').slice(0, textMax)
  throw modelError('TFJS_INVALID', { file, path: at }, issue?.message ?? 'it is not valid')
}

interface Place {
  readonly file: string
  readonly path: string
}

function layersOf(
  { class_name: kind, config }: z.infer<typeof modelSchema>,
  place: Place,
): Pick<TfjsModel, 'layers' | 'output'> {
  if (kind === 'Sequential') {
    let before: readonly string[] = []
    const layers = config.layers.map((layer, i) => {
      const made = { ...layerOf(layer, i), inputs: before }
      before = [made.name]
      return made
    })
    return { layers: distinct(layers, place), output: before[0] as string }
  }
  if ((kind !== 'Model' && kind !== 'Functional') || config.isList) {
    throw modelError('TFJS_UNSUPPORTED', place, `a model of the kind ${kind} cannot be trained`)
  }
  const { input_layers: inputs, output_layers: outputs } = config as Record<string, unknown>
  for (const [ends, what] of [
    [inputs, 'inputs'],
    [outputs, 'outputs'],
  ] as const) {
    if (namesOf(ends).length !== 1) {
      const reason = `it has the ${what} [${namesOf(ends).join(', ')}] instead of one`
      throw modelError('TFJS_UNSUPPORTED', place, reason)
    }
  }
  const layers = config.layers.map((layer, i): TfjsLayer => {
    const made = layerOf(layer, i)
    return { ...made, inputs: inboundOf(layer, made, place) }
  })
  return { layers: distinct(layers, place), output: namesOf(outputs)[0] as string }
}

function layerOf(
  { class_name: operator, name, config }: LayerJson,
  index: number,
): Omit<TfjsLayer, 'inputs'> {
  const named = name ?? (Object.hasOwn(config, 'name') ? config['name'] : undefined)
  const plain = typeof named === 'string' && named !== '' ? named.slice(0, textMax) : undefined
  return { name: plain ?? `layer${index + 1}`, operator, config }
}

function distinct(layers: readonly TfjsLayer[], place: Place): readonly TfjsLayer[] {
  const names = new Set<string>()
  for (const { name } of layers) {
    if (names.has(name))
      throw modelError('TFJS_INVALID', { ...place, node: name }, 'two layers have this name')
    names.add(name)
  }
  return layers
}

const endSchema = z.tuple([text, z.literal(0), z.literal(0)])
const endsSchema = z.union([endSchema.transform((end) => [end]), z.array(endSchema).max(64)])

/** Names of layers in `[["x", 0, 0]]` or `["x", 0, 0]`. */
function namesOf(ends: unknown): readonly string[] {
  const found = endsSchema.safeParse(ends)
  return found.success ? found.data.map(([name]) => name) : []
}

const inboundSchema = z.array(z.tuple([text, z.int(), z.int()]).rest(z.unknown())).max(64)

function inboundOf(
  { inbound_nodes: nodes = [] }: LayerJson,
  { name, operator }: Pick<TfjsLayer, 'name' | 'operator'>,
  { file }: Place,
): readonly string[] {
  const fail = (code: string, reason: string) =>
    modelError(code, { file, node: name, operator }, reason)
  if (nodes.length === 0) return []
  if (nodes.length > 1)
    throw fail('TFJS_UNSUPPORTED', 'a layer that is used twice is not supported')
  const inbound = inboundSchema.safeParse(nodes[0])
  if (!inbound.success) {
    throw fail('TFJS_UNSUPPORTED', 'its inputs are not as Keras 2 writes them; save with tf_keras')
  }
  if (inbound.data.some(([, node, tensor]) => node !== 0 || tensor !== 0)) {
    throw fail('TFJS_UNSUPPORTED', 'it reads a second output of a layer')
  }
  return inbound.data.map(([input]) => input)
}

function placeWeights(
  manifest: z.infer<typeof fileSchema>['weightsManifest'],
  file: string,
): Pick<TfjsModel, 'weights' | 'groups'> {
  const weights = new Map<string, TfjsWeight>()
  let elements = 0
  const groups = manifest.map(({ paths, weights: listed }, group) => {
    const path = `weightsManifest.${group}`
    for (const one of paths) checkPath(one, { file, path })
    const start = elements
    for (const { name, shape, dtype, quantization } of listed) {
      const place = { file, path, node: name }
      if (weights.has(name)) throw modelError('TFJS_INVALID', place, 'its weights stand twice')
      if (dtype !== 'float32' || (quantization ?? null) !== null) {
        const reason = `weights of ${dtype}${quantization === undefined ? '' : ', quantized,'} cannot be trained; convert without quantization`
        throw modelError('TFJS_TYPE', place, reason)
      }
      weights.set(name, { shape, group, byte: 4 * (elements - start) })
      elements += shape.reduce((product, side) => product * side, 1)
      if (elements > limits.parametersMax || weights.size > weightsMax) {
        throw modelError('TFJS_TOO_LARGE', place, `weights of more than ${limits.parametersMax}`)
      }
    }
    return { paths, sizeBytes: 4 * (elements - start) }
  })
  const files = groups.reduce((sum, { paths }) => sum + paths.length, 0)
  if (files <= shardsMax) return { weights, groups }
  throw modelError('TFJS_TOO_LARGE', { file, path: 'weightsManifest' }, `${files} files of weights`)
}

/** A path leads down from the folder of the model, on every system. */
function checkPath(path: string, place: Place): void {
  const parts = path.split('/')
  const isInside = parts.every((part) => /^[^\\:*?"<>|\p{Cc}]+$/u.test(part) && !/^\.+$/.test(part))
  if (isInside) return
  const reason = `its weights lie at ${JSON.stringify(path)}, outside of the model's folder`
  throw modelError('TFJS_INVALID', place, reason)
}
