import { assert } from '#base/assert.ts'
import { AppError } from '#base/error.ts'
import {
  type GraphModel,
  type GraphNode,
  graphInput,
  readsTokens,
  runningFigures,
} from '#wire/graph-model.ts'
import type { Builder } from '../builder.ts'
import { type Attributes, type Shape, type Value, isSameShape, sizeOf } from '../graph.ts'
import { type BatchNormFigures, batchNorm } from './cnn.ts'

/**
 * A model that is given as its graph: x [batch, ...inputShape] -> [batch, outputs], or tokens [batch, context] ->
 * [batch * context, outputs]. Throws SHAPE_MISMATCH with the node's name where shapes do not fit, SPEC_INVALID where
 * the last node gives something else than the outputs.
 */
export function importedModel(
  builder: Builder,
  { model, outputs }: { model: GraphModel; outputs: number },
  x: Value,
): Value {
  const [batch = 0, context = 1] = x.shape
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
    values.set(node.output, applyNode(builder, node, { inputs, batch, context }))
  }
  const last = model.nodes.at(-1)?.output ?? ''
  const logits = values.get(last) as Value
  const rows = readsTokens(model) ? batch * context : batch
  if (isSameShape(logits.shape, [rows, outputs])) return logits
  const [, ...shape] = logits.shape
  const reason = `${last} has the shape [${shape.join(', ')}] for each row instead of [${outputs}]`
  throw new AppError({ code: 'SPEC_INVALID', node: last, reason })
}

interface Operands {
  readonly inputs: readonly Value[]
  readonly batch: number
  /** Tokens of a row, where x holds tokens. */
  readonly context: number
}

/** Puts one node of a graph model behind the others. Throws SHAPE_MISMATCH with the node's name. */
export function applyNode(builder: Builder, node: GraphNode, operands: Operands): Value {
  try {
    const apply = special[node.operator] ?? plain
    return apply(builder, node, operands)
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    throw new AppError({ ...error.fields, node: node.output }, { cause: error })
  }
}

type ApplyNode = (builder: Builder, node: GraphNode, operands: Operands) => Value

const plain: ApplyNode = (builder, node, { inputs, batch }) =>
  builder.apply(node.operator, inputs, attributesOf(node, batch))[0] as Value

/** Nodes that are several operators of the engine. */
const special: Readonly<Partial<Record<GraphNode['operator'], ApplyNode>>> = {
  /** A term [context, width] is added to every row. */
  Add(builder, node, { inputs, batch, context }) {
    const [x, term] = inputs as [Value, Value]
    const isOfRows =
      node.parameters.length > 0 && isSameShape(x.shape, [batch * context, ...term.shape.slice(1)])
    if (!isOfRows) return builder.apply('Add', [x, term])[0] as Value
    const rows = reshaped(builder, x, [batch, ...term.shape])
    return reshaped(builder, builder.apply('Add', [rows, term])[0] as Value, x.shape)
  },
  BatchNormalization(builder, node, { inputs }) {
    const [x, ...figures] = inputs as [Value, ...BatchNormFigures]
    assert(node.operator === 'BatchNormalization', 'the node is that of its entry')
    return batchNorm(builder, x, { figures, ...node.attributes })
  },
  CausalAttention(builder, node, { inputs, context }) {
    return builder.apply('CausalAttention', inputs, { heads: headsOf(node), context })[0] as Value
  },
  Gather(builder, _node, { inputs }) {
    const [tokens, table] = inputs as [Value, Value]
    const found = builder.apply('Gather', [table, tokens])[0] as Value // [batch, context, width]
    return reshaped(builder, found, [sizeOf(tokens.shape), table.shape[1] as number])
  },
  RotaryEmbedding(builder, node, { inputs, context }) {
    const [x] = inputs as [Value]
    const attributes = { context, size: (x.shape[1] ?? 0) / headsOf(node) }
    const known = builder.nodes.find(
      (one) => one.operator === 'RotaryTable' && one.attributes['size'] === attributes.size,
    )
    const [table] = known?.outputs ?? builder.apply('RotaryTable', [], attributes)
    return builder.apply('RotaryEmbedding', [x, table as Value], { isInverse: 0 })[0] as Value
  },
}

function headsOf(node: GraphNode): number {
  assert('heads' in node.attributes, 'the node has heads')
  return node.attributes.heads
}

function reshaped(builder: Builder, x: Value, shape: Shape): Value {
  return builder.apply('Reshape', [x], { shape })[0] as Value
}

/** The attributes of a node at a batch size. */
function attributesOf(node: GraphNode, batch: number): Attributes {
  switch (node.operator) {
    case 'Gemm':
      return { transposeA: 0, transposeB: node.attributes.transposeB ?? 0 }
    case 'Reshape':
      return { shape: [batch, ...node.attributes.shape] }
    default:
      return { ...node.attributes }
  }
}
