import {
  type GraphWriter,
  type OnnxAttributes,
  createGraphWriter,
  encodeModel,
} from '#compute/export/onnx-writer.ts'
import { createFloats } from '../fixtures.ts'

export const sides = {
  context: 8,
  vocabulary: 11,
  width: 12,
  heads: 2,
  size: 6,
  hidden: 20,
} as const
const { context, vocabulary } = sides

/** A graph writer with shorthands. */
export function createSheet(layer: number) {
  const graph = createGraphWriter()
  const next = createFloats(layer)
  let count = 0
  const name = (kind: string) => `${kind}_${(count += 1)}`
  const node = (operator: string, inputs: readonly string[], attributes: OnnxAttributes = {}) =>
    graph.node(operator, inputs, { output: name(`/${operator}`), attributes })
  const sheet = {
    graph,
    node,
    many(
      operator: string,
      inputs: readonly string[],
      parts: number,
      attributes: OnnxAttributes = {},
    ) {
      const outputs = Array.from({ length: parts }, () => name(`/${operator}`))
      graph.nodeOf(operator, { inputs, outputs }, attributes)
      return outputs as [string, string, string]
    },
    scalar: (value: number) => graph.floats(name('scalar'), [], [value]),
    list: (...values: number[]) => graph.integers(name('list'), values),
    weight(of: string, ...shape: number[]) {
      const length = shape.reduce((product, side) => product * side, 1)
      const spread = shape.length > 1 ? 1.5 / Math.sqrt(shape[0] ?? 1) : 0.3
      const middle = of.endsWith('norm.weight') ? 1 : 0
      const values = Float32Array.from({ length }, () => middle + spread * next())
      return { name: graph.floats(of, shape, values), values }
    },
    /** x W as a MatMul. */
    product(x: string, of: string, [inner, outer]: readonly [number, number]) {
      return node('MatMul', [x, sheet.weight(`${of}.weight`, inner, outer).name])
    },
    /** x W + b as a MatMul and an Add. */
    linear(x: string, of: string, layer: readonly [number, number]) {
      const y = sheet.product(x, of, layer)
      return node('Add', [sheet.weight(`${of}.bias`, layer[1]).name, y])
    },
  }
  return sheet
}
export type Sheet = ReturnType<typeof createSheet>

export function fileOf(
  { graph }: { graph: GraphWriter },
  options: {
    opset: number
    batch: number | string
    logits: string
    shape?: readonly (number | string)[]
  },
) {
  const { opset, batch, logits, shape = [batch, context, vocabulary] } = options
  return encodeModel(graph, {
    inputs: [{ name: 'input_ids', type: 'i64', shape: [batch, context] }],
    outputs: [{ name: logits, type: 'f32', shape }],
    opset,
    irVersion: 9,
  })
}
