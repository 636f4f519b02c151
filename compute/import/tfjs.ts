import { realpath, stat } from 'node:fs/promises'
import { dirname, join, sep } from 'node:path'
import { z } from 'zod'
import { readBytes, readPlainBytes } from '../data/bytes.ts'
import { sizeOf } from '../graph/graph.ts'
import { type Assembly, createAssembly } from './assembly.ts'
import { modelError } from './fault.ts'
import { type Fail, type ImportedModel, createCopies, finishModel } from './imported-model.ts'
import { insteadOfLayer } from './tfjs-advice.ts'
import {
  type LayerContext,
  type LayerHandler,
  type Placed,
  type Stored,
  inputOf,
  refuseLayer,
  settingOf,
} from './tfjs-context.ts'
import { type TfjsLayer, type TfjsModel, decodeTfjs, tfjsBounds } from './tfjs-file.ts'
import {
  averagePool,
  batchNormalization,
  conv,
  depthwiseConv,
  globalAveragePool,
  layerNormalization,
  maxPool,
} from './tfjs-images.ts'
import {
  activation,
  add,
  dense,
  dropout,
  flatten,
  relu,
  rescaling,
  reshape,
  softmax,
} from './tfjs-layers.ts'

/** Layers of tfjs that become nodes of ours, or are part of the training. */
const handlers: Readonly<Record<string, LayerHandler>> = {
  Activation: activation,
  Add: add,
  AveragePooling2D: averagePool,
  BatchNormalization: batchNormalization,
  Conv2D: conv,
  DepthwiseConv2D: depthwiseConv,
  Dense: dense,
  Dropout: dropout,
  Flatten: flatten,
  GlobalAveragePooling2D: globalAveragePool,
  InputLayer: inputOf,
  LayerNormalization: layerNormalization,
  MaxPooling2D: maxPool,
  ReLU: relu,
  Rescaling: rescaling,
  Reshape: reshape,
  Softmax: softmax,
  SpatialDropout2D: dropout,
}

/**
 * Reads a layers model of tfjs: model.json and the weights that it names, all in its folder. Throws the codes of
 * `importTfjs`, TFJS_EXTERNAL where weights lie elsewhere, FILE_UNREADABLE or FILE_TOO_LARGE.
 */
export async function readTfjs(file: string): Promise<ImportedModel> {
  const model = decodeTfjs(await readBytes(file, tfjsBounds.jsonBytesMax), file)
  const weights: Uint8Array[] = []
  for (const { paths, sizeBytes } of model.groups) {
    const bytes = new Uint8Array(sizeBytes)
    let at = 0
    for (const path of paths) {
      const shard = await readPlainBytes(await locate(file, path), sizeBytes - at)
      bytes.set(shard, at)
      at += shard.length
    }
    weights.push(bytes.subarray(0, at))
  }
  return importTfjs(model, weights)
}

/** Where a file of weights is; links do not lead out of the folder. */
async function locate(file: string, path: string): Promise<string> {
  const place = join(dirname(file), ...path.split('/'))
  const [folder, found] = await Promise.all([realpath(dirname(file)), realpath(place)]).catch(
    (error: unknown) => {
      throw modelError(
        'TFJS_INVALID',
        { file, path },
        `its weights cannot be read: ${String(error)}`,
      )
    },
  )
  const isInside = found.startsWith(folder.endsWith(sep) ? folder : folder + sep)
  if (isInside && (await stat(found)).isFile()) return found
  throw modelError('TFJS_EXTERNAL', { file, path }, "its weights are no file in the model's folder")
}

/**
 * A layers model of tfjs as a trainable graph with its weights, channels turned from last to first. `weights` are the
 * bytes of each group of files. Throws TFJS_INVALID, TFJS_SHAPE, TFJS_TOO_LARGE, TFJS_ORDER (a layer that nothing
 * feeds) or TFJS_UNSUPPORTED, which says what to use instead, with the layer's name and kind.
 */
export function importTfjs(model: TfjsModel, weights: readonly Uint8Array[]): ImportedModel {
  const { file, output, groups } = model
  for (const [i, { sizeBytes }] of groups.entries()) {
    const found = weights[i]?.length ?? 0
    if (found === sizeBytes) continue
    const text = `its files have ${found} bytes for weights of ${sizeBytes}`
    throw modelError('TFJS_INVALID', { file, path: `weightsManifest.${i}.paths` }, text)
  }
  const fail: Fail = (kind, text) => modelError(`TFJS_${kind}`, { file, node: output }, text)
  const layers = neededLayers(model)
  const inputShape = inputShapeOf(layers, file)
  const assembly = createAssembly(inputShape)
  const notes = new Set<string>()
  const [roomOf, copyOf] = [createCopies(fail), createCopies(fail)]
  const course = { model, weights, assembly, roomOf, copyOf, notes }
  const last = runLayers(layers, course)
  if (last.turned) {
    throw fail('SHAPE', 'the output is a flattened image; put a Dense layer at the end')
  }
  return { ...finishModel(assembly, last, fail), inputShape, notes: [...notes] }
}

/** The layers that the output needs, each behind those that it reads. */
function neededLayers({ layers, output, file }: TfjsModel): readonly TfjsLayer[] {
  const byName = new Map(layers.map((layer) => [layer.name, layer]))
  const needed = new Set([output])
  for (const name of needed) {
    for (const input of byName.get(name)?.inputs ?? []) needed.add(input)
  }
  const sorted = new Map<string, TfjsLayer>()
  const left = new Set(needed)
  for (let count = -1; count !== left.size;) {
    count = left.size
    for (const name of left) {
      const layer = byName.get(name)
      if (!layer?.inputs.every((input) => sorted.has(input))) continue
      sorted.set(name, layer)
      left.delete(name)
    }
  }
  const stuck = [...left].find((name) => !byName.has(name)) ?? [...left][0]
  if (stuck === undefined) return [...sorted.values()]
  const text = byName.has(stuck) ? 'it reads what reads it: a cycle' : 'there is no such layer'
  throw modelError('TFJS_ORDER', { file, node: stuck }, text)
}

const batchShape = z.array(z.int().min(1).max(16_384).nullable()).min(2).max(4)

/** The shape of a row as we have it: [features] or [channels, height, width]. */
function inputShapeOf(layers: readonly TfjsLayer[], file: string): readonly number[] {
  const [first, second] = layers.filter(({ inputs }) => inputs.length === 0)
  if (!first || second) {
    const names = `${first?.name}${second ? `, ${second.name}` : ''}`
    throw modelError('TFJS_UNSUPPORTED', { file, node: names }, 'there must be one first layer')
  }
  const place = { layer: first, file }
  const name = Object.hasOwn(first.config, 'batch_shape') ? 'batch_shape' : 'batch_input_shape'
  const [, ...sides] = settingOf(place, name, { schema: batchShape, otherwise: [] })
  const known = sides.filter((side) => side !== null)
  if (known.length === 0 || known.length < sides.length) {
    const text = `its input shape [${sides.join(', ')}] is not fixed; name all sides in inputShape`
    throw refuseLayer(place, text, 'TFJS_DYNAMIC')
  }
  if (known.length === 1) return known
  const [height = 1, width = 1, channels = 1] = known
  return [channels, height, width]
}

interface Course {
  readonly model: TfjsModel
  readonly weights: readonly Uint8Array[]
  readonly assembly: Assembly
  /** Room for weights as they are read, and for those that are turned. */
  readonly roomOf: LayerContext['copyOf']
  readonly copyOf: LayerContext['copyOf']
  readonly notes: Set<string>
}

function runLayers(layers: readonly TfjsLayer[], course: Course): Placed {
  const { model, assembly, notes, copyOf } = course
  const { file, output } = model
  const values = new Map<string, Placed>()
  for (const layer of layers) {
    const { name, operator, inputs, config } = layer
    const handler = Object.hasOwn(handlers, operator) ? handlers[operator] : undefined
    if (!handler) {
      throw refuseLayer({ layer, file }, insteadOfLayer(operator, Object.keys(handlers)))
    }
    if (config['trainable'] === false) notes.add('frozen layers are trained like the others')
    const read = inputs.map((input) => values.get(input)).filter((value) => value !== undefined)
    const context: LayerContext = {
      layer,
      file,
      assembly,
      copyOf,
      isLast: name === output,
      inputs: read.length === 0 ? [assembly.input] : read,
      weightOf: (part, shape) => weightOf(course, layer, { part, shape }),
      note: (text) => notes.add(text),
    }
    values.set(name, handler(context))
  }
  return values.get(output) as Placed
}

function weightOf(
  { model, weights, roomOf }: Course,
  layer: TfjsLayer,
  { part, shape }: { part: string; shape: readonly number[] },
): Stored {
  const place = { layer, file: model.file }
  const exact = `${layer.name}/${part}`
  // converters write layer/cell/kernel or model/layer/kernel too
  const similar = [...model.weights.keys()].filter((name) => {
    const isOfLayer = name.startsWith(`${layer.name}/`) && name.endsWith(`/${part}`)
    return isOfLayer || name.endsWith(`/${exact}`)
  })
  const name = model.weights.has(exact) ? exact : similar[0]
  const stored = model.weights.get(name ?? '')
  if (name === undefined || !stored || (name !== exact && similar.length > 1)) {
    throw refuseLayer(place, `its weights ${exact} are not in the file`, 'TFJS_INVALID')
  }
  if (stored.shape.join() !== shape.join()) {
    const text = `its weights ${part} have the shape [${stored.shape.join(', ')}] instead of [${shape.join(', ')}]`
    throw refuseLayer(place, text, 'TFJS_SHAPE')
  }
  const values = roomOf({ length: sizeOf(shape) })
  const bytes = weights[stored.group] as Uint8Array
  const view = new DataView(bytes.buffer, bytes.byteOffset + stored.byte, 4 * values.length)
  for (let i = 0; i < values.length; i += 1) values[i] = view.getFloat32(4 * i, true)
  return { name: exact, shape, values }
}
