import {
  type Handler,
  type IntegerConstant,
  type Known,
  type NodeContext,
  integerOf,
  listAt,
  refuseNode,
} from './onnx-context.ts'
import type { OnnxTensor } from './onnx-tensor.ts'

/** What a stored tensor stands for. */
export function knownOf(tensor: OnnxTensor): Known {
  const { name, shape } = tensor
  return tensor.kind === 'floats'
    ? { kind: 'floats', name, shape, values: tensor.values }
    : { kind: 'integers', shape, values: tensor.values }
}

/** A tensor, an integer or a list of them. */
export const constant: Handler = (context) => {
  const { node } = context
  const tensor = node.attributes.get('value')?.tensor
  if (tensor) return knownOf({ ...tensor, name: node.outputs[0] as string })
  const integers =
    node.attributes.get('value_ints')?.integers ?? node.attributes.get('value_int')?.integers
  if (!integers) throw refuseNode(context, 'only tensors and integers are supported')
  const shape = node.attributes.has('value_int') ? [] : [integers.length]
  return { kind: 'integers', shape, values: integers }
}

/** The shape of a value, its first side the batch: what `x.view(x.size(0), -1)` becomes. */
export const shapeOf: Handler = (context) => {
  const x = context.input(0)
  if (x?.kind !== 'value') throw refuseNode(context, 'only shapes of values can be asked')
  return { kind: 'integers', shape: [x.shape.length + 1], values: ['rows', ...x.shape] }
}

/** Entries of a list of integers. */
export const gather: Handler = (context) => {
  const list = listAt(context, 0)
  const places = listAt(context, 1)
  if (!list || !places) throw refuseNode(context, 'only lists of integers can be gathered from')
  const values = places.values.map((place) => {
    const value = typeof place === 'number' ? list.values.at(place) : undefined
    if (value === undefined)
      throw refuseNode(context, 'a place is outside of its list', 'ONNX_INVALID')
    return value
  })
  return listOf(context, { kind: 'integers', shape: places.shape, values })
}

/** A list keeps its values, a scalar becomes a list of one. */
export const unsqueeze: Handler = (context) => {
  const list = listAt(context, 0)
  if (!list) throw refuseNode(context, 'only lists of integers are supported')
  return { ...list, shape: [list.values.length] }
}

/** Lists of integers one after another. */
export const concat: Handler = (context) => {
  if (integerOf(context, 'axis', 0) !== 0)
    throw refuseNode(context, 'only lists of integers are supported')
  const values = context.node.inputs.flatMap((_, i) => listAt(context, i)?.values ?? [])
  return listOf(context, { kind: 'integers', shape: [values.length], values })
}

const lengthMax = 64

/** Lists are shapes: longer ones are refused, so that no chain of nodes fills the memory. */
function listOf(context: NodeContext, list: IntegerConstant): IntegerConstant {
  if (list.values.length <= lengthMax) return list
  throw refuseNode(context, `a list of ${list.values.length} integers is no shape`)
}
