import type { Node, Shape } from '#compute/graph/graph.ts'
import { poolWindows } from '#compute/graph/operators/pooling.ts'
import type { Kernels } from '../kernels.ts'
import { type Lowering, floatBytes, operandsOf, splitByUnits } from '../lowering.ts'

/** Sizes of images [n, c, h, w] and of what a pooling makes of them. */
interface Sides {
  readonly h: number
  readonly w: number
  readonly oh: number
  readonly ow: number
  /** Window, strides and padding above and left. */
  readonly window: readonly [number, number, number, number, number, number]
  readonly isPlain: boolean
}

type Run = (
  kernels: Kernels,
  places: readonly number[],
  options: Sides & { planes: number },
) => void

/**
 * A pooling whose units are planes, one image of one channel each. `places` are the operands in their order, inputs
 * before outputs, each at its first plane.
 */
function ofPlanes(shapesOf: (node: Node) => { image: Shape; result: Shape }, run: Run): Lowering {
  return (node, context) => {
    const { ins, outs, reads, writes } = operandsOf(node, context)
    const { image, result } = shapesOf(node)
    const [n = 0, c = 0, h = 0, w = 0] = image
    const [, , oh = 0, ow = 0] = result
    const isWindowed = !node.operator.startsWith('Global')
    const { kernel, stride, pads } = poolWindows(isWindowed ? node.attributes : {})
    const window = [...kernel, ...stride, pads[0], pads[1]] as const
    const isPlain =
      isWindowed && [...kernel, ...stride].every((one) => one === 2) && !pads.some(Boolean)
    const operands = [...node.inputs, ...node.outputs].map(({ shape }, i) => {
      const [, , height = 0, width = 0] = shape
      return { start: [...ins, ...outs][i] as number, bytes: height * width * floatBytes }
    })
    return [
      {
        units: n * c,
        grain: 1,
        reads: splitByUnits(reads),
        writes: splitByUnits(writes),
        scratchBytes: 0,
        run(kernels, { from, to }) {
          const places = operands.map(({ start, bytes }) => start + from * bytes)
          run(kernels, places, { h, w, oh, ow, window, isPlain, planes: to - from })
          return true
        },
      },
    ]
  }
}

const forward = ({ inputs, outputs }: Node) => ({
  image: inputs[0]?.shape ?? [],
  result: outputs[0]?.shape ?? [],
})
const backward = ({ inputs, outputs }: Node) => ({
  image: outputs[0]?.shape ?? [],
  result: inputs.at(-1)?.shape ?? [],
})

export const maxPool = ofPlanes(forward, (kernels, [x = 0, y = 0], options) => {
  const { h, w, oh, ow, planes, isPlain, window } = options
  if (isPlain) kernels.maxPool2(x, y, planes, h, w)
  else kernels.maxPool(x, y, planes, h, w, ...window, oh, ow)
})

export const maxPoolGradient = ofPlanes(backward, (kernels, places, options) => {
  const [x = 0, y = 0, dy = 0, dx = 0] = places
  const { h, w, oh, ow, planes, isPlain, window } = options
  if (isPlain) kernels.maxPool2Gradient(x, y, dy, dx, planes, h, w)
  else kernels.maxPoolGradient(x, y, dy, dx, planes, h, w, ...window, oh, ow)
})

export const averagePool = ofPlanes(forward, (kernels, [x = 0, y = 0], options) => {
  const { h, w, oh, ow, planes, window } = options
  kernels.averagePool(x, y, planes, h, w, ...window, oh, ow)
})

export const averagePoolGradient = ofPlanes(backward, (kernels, [dy = 0, dx = 0], options) => {
  const { h, w, oh, ow, planes, window } = options
  kernels.averagePoolGradient(dy, dx, planes, h, w, ...window, oh, ow)
})

export const globalAveragePool = ofPlanes(forward, (kernels, [x = 0, y = 0], options) => {
  kernels.planeMeans(x, y, options.planes, options.h * options.w)
})

export const globalAveragePoolGradient = ofPlanes(
  backward,
  (kernels, [dy = 0, dx = 0], options) => {
    kernels.planeMeansGradient(dy, dx, options.planes, options.h * options.w)
  },
)
