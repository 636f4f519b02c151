import { assert } from '#base/assert.ts'
import { canonicalBytes } from '#wire/canonical.ts'
import type { RowPreprocessing } from '#wire/preprocessing.ts'
import type { ModelShape } from '#wire/spec.ts'
import { ternaryOf, ternaryValues } from '../exact/ternary.ts'
import { createBuilder } from '../graph/builder.ts'
import type { Value } from '../graph/graph.ts'
import { buildModel } from '../graph/models.ts'
import type { NamedParameter } from './onnx-forward.ts'
import { type LayerWriter, type Written, createLayerWriter, unwritable } from './tfjs-layers.ts'
import { layerMappings } from './tfjs-mappings.ts'

/** The files of a layers model, in one folder. */
export interface TfjsFiles {
  readonly model: Uint8Array
  readonly weights: Uint8Array
}

export const tfjsFileNames = { model: 'model.json', weights: 'weights.bin' } as const

/**
 * A model as a layers model of tfjs and Keras, channels last; equal input gives equal bytes.
 *
 * The input is raw pixels [rows, height, width, channels] of images, which a Rescaling divides, or the features of a
 * table in the order and scale of the manifest's `preprocessing`, which stands in `userDefinedMetadata` too. The output
 * is probabilities [rows, classes], or values [rows, 1] in the user's units. Throws UNSUPPORTED with what to use
 * instead for models of texts and for poolings whose padding tfjs does not have.
 */
export function encodeTfjs(
  spec: ModelShape,
  preprocessing: RowPreprocessing,
  parameters: readonly NamedParameter[],
): TfjsFiles {
  if (preprocessing.kind === 'words') throw unwritable('EmbeddingBag', 'graph.onnx')
  const writer = createLayerWriter()
  const input = addInput(writer, preprocessing, spec)
  const last = addForward(writer, spec, { input, parameters })
  const { target } = preprocessing
  const output =
    target.kind === 'class'
      ? writer.add('Activation', [last], { activation: 'softmax' })
      : writer.add('Rescaling', [last], { scale: target.std, offset: target.mean })
  const { layers, weights, bytes } = writer.finish()
  const model = {
    format: 'layers-model',
    generatedBy: 'Quern',
    convertedBy: null,
    modelTopology: {
      keras_version: '2.15.0',
      backend: 'tensorflow',
      model_config: {
        class_name: 'Functional',
        config: {
          name: 'model',
          layers,
          input_layers: [['x', 0, 0]],
          output_layers: [[output.layer, 0, 0]],
        },
      },
    },
    weightsManifest: [{ paths: [tfjsFileNames.weights], weights }],
    userDefinedMetadata: { preprocessing },
  }
  return { model: canonicalBytes(model), weights: bytes }
}

function addInput(
  writer: LayerWriter,
  preprocessing: Exclude<RowPreprocessing, { kind: 'words' }>,
  { inputShape }: ModelShape,
): Written {
  if (preprocessing.kind === 'table') return writer.input('x', inputShape)
  const raw = writer.input('x', preprocessing.shape)
  const scale = 1 / preprocessing.divisor
  const scaled = writer.add('Rescaling', [raw], { scale, offset: 0 })
  return inputShape.length === 1 ? writer.flatten(scaled) : scaled
}

function addForward(
  writer: LayerWriter,
  spec: ModelShape,
  { input, parameters }: { input: Written; parameters: readonly NamedParameter[] },
): Written {
  const builder = createBuilder()
  const isText = spec.model.kind === 'transformer' || spec.model.kind === 'embeddingBag'
  if (isText) throw unwritable(spec.model.kind, 'graph.onnx')
  const x = builder.input({ shape: [1, ...spec.inputShape], type: 'f32' })
  const logits = buildModel(builder, spec, x)
  const trained = new Map<Value, NamedParameter>()
  for (const [i, { layout, value }] of builder.parameters.entries()) {
    const parameter = parameters[i]
    assert(parameter?.name === layout.name, 'the parameters are those of the model, in order')
    trained.set(value, parameter)
  }
  const keeps = keepsOf(spec)
  const known = new Map([[x, input]])
  for (const node of builder.nodes) {
    const { operator, inputs, outputs, attributes } = node
    const [first] = outputs
    assert(first, 'a node has an output')
    if (operator === 'Ternary') {
      const parameter = trained.get(inputs[0] as Value)
      assert(parameter, 'a ternary layer has weights')
      const values = ternaryValues(ternaryOf(parameter.values, parameter.shape))
      trained.set(first, { ...parameter, values })
      continue
    }
    const mapping = layerMappings[operator]
    if (!mapping) throw unwritable(operator, 'graph.onnx')
    const written = mapping({
      writer,
      attributes,
      inputs: inputs.map((value) => known.get(value)).filter((value) => value !== undefined),
      weights: inputs.map((value) => trained.get(value)).filter((value) => value !== undefined),
      shape: first.shape.slice(1),
      keep: operator === 'BatchNormalization' ? (keeps.shift() ?? 0.9) : 0,
    })
    known.set(first, written)
  }
  return known.get(logits) as Written
}

/** How much of the running figures each batch normalization keeps, in their order, where the model says so. */
function keepsOf({ model }: ModelShape): number[] {
  if (model.kind !== 'graph') return []
  return model.nodes.flatMap((node) =>
    node.operator === 'BatchNormalization' ? [node.attributes.keep] : [],
  )
}
