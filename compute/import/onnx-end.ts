import { modelError } from './fault.ts'
import type { OnnxModel, OnnxNode, OnnxValue } from './onnx-file.ts'

/** Operators at the end of a classifier that are part of the loss here. */
const lossOperators = new Set(['Softmax', 'LogSoftmax'])

/** The nodes that the output needs, without the softmax of the loss, and the name of what they give. */
export function endOf({ nodes, outputs }: OnnxModel, file: string) {
  const [first, other] = outputs as readonly [OnnxValue?, OnnxValue?]
  if (!first || other) {
    const names = outputs.map(({ name }) => name).join(', ')
    throw modelError(
      'ONNX_UNSUPPORTED',
      { file, byte: 0 },
      `it has the outputs [${names}] instead of one`,
    )
  }
  let output = first.name
  const notes: string[] = []
  const last = nodes.findLast((node) => node.outputs.includes(output))
  if (last && lossOperators.has(last.operator) && last.inputs[0] !== undefined) {
    output = last.inputs[0]
    notes.push(`the ${last.operator} at the end is part of the loss`)
  }
  if (nodes.some(({ operator }) => operator === 'Dropout')) notes.push('Dropout is left out')
  const needed = new Set([output])
  const kept: OnnxNode[] = []
  for (const node of nodes.toReversed()) {
    if (!node.outputs.some((name) => needed.has(name))) continue
    kept.push(node)
    for (const name of node.inputs) needed.add(name)
  }
  return { nodes: kept.toReversed(), output, notes }
}
