import { real } from '#compute/graph/operator.ts'
import { type Mapping, type Scope, meanOfLast, summed } from '../onnx-mapping.ts'

/** Figures of rows are [rows, 1] here, as the ONNX operator gives them. */
export const layerNormalization: Mapping = ({ inputs, attributes }, scope) =>
  scope.applyMany('LayerNormalization', inputs.map(scope.nameOf), {
    count: 3,
    attributes: { axis: 1, epsilon: { float: real(attributes, 'epsilon') } },
  })

/** (x - mean) scale. */
function centred(scope: Scope, x: string, { mean, scale }: { mean: string; scale: string }) {
  return scope.once(`normal ${x} ${mean}`, () =>
    scope.apply('Mul', [scope.apply('Sub', [x, mean]), scale]),
  )
}

function scaled(scope: Scope, x: string, scale: string): string {
  return scope.once(`normal ${x} ${scale}`, () => scope.apply('Mul', [x, scale]))
}

/** scale (d - mean(d) - normal mean(d normal)), d = dy gain. */
export const layerNormalizationGradient: Mapping = ({ inputs }, scope) => {
  const [dy = '', x = '', mean = '', scale = '', gain = ''] = inputs.map(scope.nameOf)
  const { apply } = scope
  const d = apply('Mul', [dy, gain])
  const normal = centred(scope, x, { mean, scale })
  const along = apply('Mul', [normal, meanOfLast(scope, apply('Mul', [d, normal]))])
  const rest = apply('Sub', [apply('Sub', [d, meanOfLast(scope, d)]), along])
  return [apply('Mul', [rest, scale])]
}

export const layerNormalizationScaleGradient: Mapping = ({ inputs }, scope) => {
  const [dy = '', x = '', mean = '', scale = ''] = inputs.map(scope.nameOf)
  const normal = centred(scope, x, { mean, scale })
  return [summed(scope, scope.apply('Mul', [dy, normal]), [0]), summed(scope, dy, [0])]
}

export const rmsNormalization: Mapping = ({ inputs: [x, gain], attributes }, scope) => {
  const { apply } = scope
  const name = scope.nameOf(x)
  const mean = meanOfLast(scope, apply('Mul', [name, name]))
  const root = apply('Sqrt', [apply('Add', [mean, scope.scalar(real(attributes, 'epsilon'))])])
  const scale = apply('Reciprocal', [root]) // [rows, 1]
  return [apply('Mul', [scaled(scope, name, scale), scope.nameOf(gain)]), scale]
}

/** scale (d - normal mean(d normal)), d = dy gain. */
export const rmsNormalizationGradient: Mapping = ({ inputs }, scope) => {
  const [dy = '', x = '', scale = '', gain = ''] = inputs.map(scope.nameOf)
  const { apply } = scope
  const d = apply('Mul', [dy, gain])
  const normal = scaled(scope, x, scale)
  const along = apply('Mul', [normal, meanOfLast(scope, apply('Mul', [d, normal]))])
  return [apply('Mul', [apply('Sub', [d, along]), scale])]
}

export const rmsNormalizationScaleGradient: Mapping = ({ inputs }, scope) => {
  const [dy = '', x = '', scale = ''] = inputs.map(scope.nameOf)
  return [summed(scope, scope.apply('Mul', [dy, scaled(scope, x, scale)]), [0])]
}
