import { sizeOf } from '#compute/graph/graph.ts'
import { integer, real } from '#compute/graph/operator.ts'
import { type Lowering, noiseKeyBytes, operandsOf } from '../lowering.ts'

const elementGrain = 1024
const parts = 65_536 // a value is dropped by 16 random bits

/** Units are elements. */
export const dropout: Lowering = (node, context) => {
  const { ins, outs, reads, writes } = operandsOf(node, context)
  const [x] = ins as [number]
  const [y] = outs as [number]
  const limit = Math.min(parts - 1, Math.round(real(node.attributes, 'rate') * parts))
  const scale = Math.fround(parts / (parts - limit))
  const key = context.noise + noiseKeyBytes * integer(node.attributes, 'layer')
  return [
    {
      units: sizeOf(node.outputs[0]?.shape ?? []),
      grain: elementGrain,
      reads,
      writes,
      scratchBytes: 16,
      run(kernels, { from, to, scratch }) {
        kernels.dropout(x, y, from, to, key, limit, scale, scratch)
        return true
      },
    },
  ]
}
