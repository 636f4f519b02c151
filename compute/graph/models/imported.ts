import { AppError } from '#base/error.ts'
import { type GraphModel, type GraphNode, graphInput, runningFigures } from '#wire/graph-model.ts'
import type { Builder } from '../builder.ts'
import { type Attributes, type Value, isSameShape } from '../graph.ts'
import { type BatchNormFigures, batchNorm } from './cnn.ts'

/**
 * A model that is given as its graph: x [batch, ...inputShape] -> [batch, outputs]. Throws SHAPE_MISMATCH with the
 * node's name where shapes do not fit, SPEC_INVALID where the last node gives something else than the outputs.
 */
export function importedModel(
  builder: Builder,
  { model, outputs }: { model: GraphModel; outputs: number },
  x: Value,
): Value {
  const [batch = 0] = x.shape
  const values = new Map([[graphInput, x]])
  const figures = new Set(runningFigures(model))
  const parameters = new Map(
    model.parameters.map(({ name, shape, initial }) => {
      const place = figures.has(name) ? builder.buffer : builder.parameter
      return [name, place(name, shape, initial)]
    }),
  )
  for (const node of model.nodes) {
    const inputs = [
      ...node.values.map((name) => values.get(name)),
      ...node.parameters.map((name) => parameters.get(name)),
    ].filter((value) => value !== undefined)
    const [output] = applyNode(builder, node, { inputs, batch })
    values.set(node.output, output as Value)
  }
  const last = model.nodes.at(-1)?.output ?? ''
  const logits = values.get(last) as Value
  if (isSameShape(logits.shape, [batch, outputs])) return logits
  const [, ...shape] = logits.shape
  const reason = `${last} has the shape [${shape.join(', ')}] for each row instead of [${outputs}]`
  throw new AppError({ code: 'SPEC_INVALID', node: last, reason })
}

function applyNode(
  builder: Builder,
  node: GraphNode,
  { inputs, batch }: { inputs: readonly Value[]; batch: number },
): readonly Value[] {
  try {
    if (node.operator === 'BatchNormalization') {
      const [x, ...figures] = inputs as [Value, ...BatchNormFigures]
      return [batchNorm(builder, x, { figures, ...node.attributes })]
    }
    return builder.apply(node.operator, inputs, attributesOf(node, batch))
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    throw new AppError({ ...error.fields, node: node.output }, { cause: error })
  }
}

/** The attributes of a node at a batch size. */
export function attributesOf(node: GraphNode, batch: number): Attributes {
  switch (node.operator) {
    case 'Gemm':
      return { transposeA: 0, transposeB: 0 }
    case 'Reshape':
      return { shape: [batch, ...node.attributes.shape] }
    default:
      return node.attributes
  }
}
