import type { OpenNode, Weights } from './assembly.ts'

const layers: readonly string[] = ['Conv', 'Gemm']
const pools: readonly string[] = ['AveragePool', 'GlobalAveragePool', 'MaxPool']

/**
 * Takes biases away that a batch normalization behind them takes away too, and their running means with them: the
 * outputs stay, and no parameter is left whose true gradient is zero. Running means must not share their values.
 */
export function foldBiases(nodes: readonly OpenNode[], weightsOf: Map<string, Weights>): void {
  for (const { operator, values, parameters } of nodes) {
    if (operator !== 'BatchNormalization') continue
    const layer = layerBehind(nodes, values[0] as string)
    const bias = weightsOf.get(layer?.parameters[1] ?? '')?.values
    const mean = weightsOf.get(parameters[2] as string)?.values
    if (!layer || !bias || !mean || mean.length % bias.length !== 0) continue
    const places = mean.length / bias.length
    for (const [i, figure] of mean.entries()) {
      mean[i] = figure - (bias[Math.floor(i / places)] as number)
    }
    const [name = ''] = layer.parameters.splice(1)
    if (!nodes.some((node) => node.parameters.includes(name))) weightsOf.delete(name)
  }
}

/** The layer whose bias reaches a value unchanged and nothing else. */
function layerBehind(nodes: readonly OpenNode[], value: string): OpenNode | undefined {
  const usesOf = (name: string) =>
    nodes.flatMap(({ values }) => values).filter((one) => one === name).length
  let isPooled = false
  let name = value
  for (let left = nodes.length; left > 0; left -= 1) {
    const node = nodes.find(({ output }) => output === name)
    if (!node || usesOf(name) !== 1) return undefined
    if (layers.includes(node.operator)) return node
    const isPool = pools.includes(node.operator)
    // a pooling behind a reshape may mix values of several biases
    if (!isPool && (node.operator !== 'Reshape' || isPooled)) return undefined
    isPooled ||= isPool
    name = node.values[0] as string
  }
  return undefined
}
