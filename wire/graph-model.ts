import { z } from 'zod'
import { limits } from './limits.ts'

/** Names as exporters write them: onnx::Gemm_12, /features/0/Conv_output_0, layer1.0.weight. */
const name = z.string().regex(/^[\w./:\-[\]]{1,200}$/)
const side = z.int().min(1).max(1_048_576)
const small = z.int().min(0).max(limits.windowMax)
const count = small.min(1)
/** Down and across where they differ. */
const steps = z.union([count, z.tuple([count, count]).readonly()])
/** Above, left, below and right where they differ. */
const pad = z.union([small, z.tuple([small, small, small, small]).readonly()])
/** Windows of a pooling. */
const window = { kh: count, kw: count, stride: steps, pad }
/** Windows of a convolution, whose kernel has their sides; what is absent is 1. */
const convWindow = {
  pad,
  stride: steps.optional(),
  dilation: steps.optional(),
  groups: side.optional(),
}
const epsilon = z.number().positive().max(1)

/** How a parameter starts from a seed: zeros, ones, or normals of deviation sqrt(gain / fanIn). */
const initialSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('zeros') }),
  z.strictObject({ kind: z.literal('ones') }),
  z.strictObject({
    kind: z.literal('normal'),
    gain: z.number().positive().max(100),
    fanIn: z.int().min(1).max(limits.parametersMax),
  }),
])

const parameterSchema = z.strictObject({
  name,
  shape: z.array(side).min(1).max(4),
  initial: initialSchema,
})
export type GraphParameter = z.infer<typeof parameterSchema>

type Range = readonly [least: number, most: number]
interface Counts {
  readonly values?: Range
  readonly parameters?: Range
}

/** A node of one output; `values` are computed, `parameters` trained, in the order of the operator's inputs. */
function node<Name extends string, Attributes extends z.ZodRawShape>(
  operator: Name,
  attributes: Attributes,
  counts: Counts = {},
) {
  const { values = [1, 1], parameters: [least, most] = [0, 0] } = counts
  return z.strictObject({
    operator: z.literal(operator),
    values: z.array(name).min(values[0]).max(values[1]),
    parameters: z.array(name).min(least).max(most),
    output: name,
    attributes: z.strictObject(attributes),
  })
}

/**
 * The operators of a model graph. Inputs and outputs have the rows of the batch as their first side, which no
 * attribute tells; weights of Gemm are [in, out], of Conv [out, in / groups, height, width]. Where x holds tokens, values are
 * [context, width] for each row.
 */
const nodeSchema = z.discriminatedUnion('operator', [
  /** Two values, or a value and a parameter that is added to every row. */
  node('Add', {}, { values: [1, 2], parameters: [0, 1] }),
  node('AveragePool', window),
  /** Gain, bias, running mean and variance [channels]; `keep` of a running figure stays in each step. */
  node('BatchNormalization', { epsilon, keep: z.number().min(0).max(1) }, { parameters: [4, 4] }),
  /** Of queries, keys and values. */
  node('CausalAttention', { heads: z.int().min(1).max(256) }, { values: [3, 3] }),
  node('Conv', convWindow, { parameters: [1, 2] }),
  /** Rows of a table by the tokens x. */
  node('Gather', {}, { parameters: [1, 1] }),
  node('Gelu', {}),
  node('GeluErf', {}),
  /** With `transposeB` the weights are [out, in], as those of a head that is its embedding. */
  node('Gemm', { transposeB: z.literal(1).optional() }, { parameters: [1, 2] }),
  node('GlobalAveragePool', {}),
  node('LayerNormalization', { epsilon }, { parameters: [2, 2] }),
  node('MaxPool', window),
  node('Mul', {}, { values: [2, 2] }),
  node('Relu', {}),
  /** `shape` of one row. */
  node('Reshape', { shape: z.array(side).min(1).max(3) }),
  node('RmsNormalization', { epsilon }, { parameters: [1, 1] }),
  /** Turns neighbouring pairs of each of the heads by their position, base 10000. */
  node('RotaryEmbedding', { heads: z.int().min(1).max(256) }),
  node('Silu', {}),
])
export type GraphNode = z.infer<typeof nodeSchema>

/** The name of a graph's input. */
export const graphInput = 'x'

/** Running figures by their names: parameters that training keeps and no gradient moves. */
export function runningFigures({ nodes }: { nodes: readonly GraphNode[] }): readonly string[] {
  return nodes.flatMap(({ operator, parameters }) =>
    operator === 'BatchNormalization' ? parameters.slice(2) : [],
  )
}

/** Whether x holds tokens: a decoder, which gives [context, outputs] for each row. */
export function readsTokens({ nodes }: { nodes: readonly GraphNode[] }): boolean {
  return nodes.some(({ operator }) => operator === 'Gather')
}

/**
 * A model as its graph, imported or written by hand: nodes stand in the order in which they run, the last one gives
 * the outputs [rows, outputs]. Every value and parameter is used, so that each parameter has a gradient.
 */
export const graphModelSchema = z
  .strictObject({
    kind: z.literal('graph'),
    nodes: z.array(nodeSchema).min(1).max(limits.graphNodesMax),
    parameters: z.array(parameterSchema).min(1).max(limits.graphNodesMax),
  })
  .superRefine((model, context) => {
    const fail = (path: (string | number)[], message: string) =>
      context.addIssue({ code: 'custom', path, message })
    const parameters = new Set<string>()
    for (const [i, { name: own, shape }] of model.parameters.entries()) {
      if (parameters.has(own)) fail(['parameters', i, 'name'], `${own} stands twice`)
      const size = shape.reduce((product, length) => product * length, 1)
      if (size > limits.parametersMax) fail(['parameters', i, 'shape'], `${own} is too large`)
      parameters.add(own)
    }
    const values = new Set([graphInput])
    const unused = new Set([graphInput, ...parameters])
    const ofTokens = readsTokens(model)
    for (const [i, node] of model.nodes.entries()) {
      const { operator, values: read, parameters: taken, output } = node
      if (operator === 'Add' && read.length + taken.length !== 2) {
        fail(['nodes', i], 'an Add has two terms')
      }
      if (ofTokens && read.includes(graphInput) !== (operator === 'Gather')) {
        fail(['nodes', i, 'values'], 'a Gather reads the tokens x, and nothing else does')
      }
      for (const value of read) {
        if (!values.has(value)) fail(['nodes', i, 'values'], `nothing before gives ${value}`)
        unused.delete(value)
      }
      for (const taking of taken) {
        if (!parameters.has(taking)) fail(['nodes', i, 'parameters'], `${taking} is no parameter`)
        unused.delete(taking)
      }
      const isTaken = values.has(output) || parameters.has(output)
      if (isTaken) fail(['nodes', i, 'output'], `${output} stands twice`)
      values.add(output)
      unused.add(output)
    }
    const taken = model.nodes.flatMap((one) => one.parameters)
    for (const figure of runningFigures(model)) {
      const uses = taken.filter((one) => one === figure).length
      if (uses > 1) fail(['nodes'], `the running figure ${figure} is used ${uses} times`)
    }
    const last = model.nodes.at(-1)?.output
    for (const one of unused) {
      if (one !== last) fail(['nodes'], `nothing uses ${one}`)
    }
  })
export type GraphModel = z.infer<typeof graphModelSchema>
