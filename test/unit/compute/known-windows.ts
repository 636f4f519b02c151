import type { GraphModel, GraphNode } from '#wire/graph-model.ts'

const normal = (fanIn: number) => ({ kind: 'normal', gain: 2, fanIn }) as const
const zeros = { kind: 'zeros' } as const

/** The values that stand before each node, and those that it gives, are named by their place: x, v1, v2, … */
function chain(...nodes: readonly Pick<GraphNode, 'operator' | 'attributes' | 'parameters'>[]) {
  const nameOf = (place: number) => (place === 0 ? 'x' : `v${place}`)
  return nodes.map((node, i) => ({ ...node, values: [nameOf(i)], output: nameOf(i + 1) }))
}

/** Convolutions and poolings with strides, dilations, groups, sides and paddings of their own: [1, 28, 28] -> [10]. */
export const windowsModel: GraphModel = {
  kind: 'graph',
  nodes: chain(
    {
      operator: 'Conv',
      attributes: { pad: [2, 1, 1, 1], stride: [2, 1] },
      parameters: ['conv1.weight', 'conv1.bias'],
    }, // [12, 14, 28]
    { operator: 'Relu', attributes: {}, parameters: [] },
    {
      operator: 'Conv',
      attributes: { pad: 1, stride: [1, 2], groups: 12 },
      parameters: ['conv2.weight'],
    }, // [24, 14, 14]
    { operator: 'Relu', attributes: {}, parameters: [] },
    {
      operator: 'Conv',
      attributes: { pad: 2, dilation: 2, groups: 3 },
      parameters: ['conv3.weight', 'conv3.bias'],
    }, // [18, 14, 14]
    { operator: 'Relu', attributes: {}, parameters: [] },
    { operator: 'MaxPool', attributes: { kh: 3, kw: 3, stride: 2, pad: 1 }, parameters: [] },
    {
      operator: 'AveragePool',
      attributes: { kh: 3, kw: 2, stride: [2, 3], pad: [1, 0, 1, 1] },
      parameters: [],
    }, // [18, 4, 3]
    { operator: 'Reshape', attributes: { shape: [216] }, parameters: [] },
    { operator: 'Gemm', attributes: {}, parameters: ['dense.weight', 'dense.bias'] },
  ) as GraphNode[],
  parameters: [
    { name: 'conv1.weight', shape: [12, 1, 5, 3], initial: normal(15) },
    { name: 'conv1.bias', shape: [12], initial: zeros },
    { name: 'conv2.weight', shape: [24, 1, 3, 3], initial: normal(9) },
    { name: 'conv3.weight', shape: [18, 8, 3, 3], initial: normal(72) },
    { name: 'conv3.bias', shape: [18], initial: zeros },
    { name: 'dense.weight', shape: [216, 10], initial: normal(216) },
    { name: 'dense.bias', shape: [10], initial: zeros },
  ],
}
