import { assert } from '#base/assert.ts'
import { sizeOf } from '#compute/graph/graph.ts'
import { type Mapping, oneHot, sidesOf, summed } from '../onnx-mapping.ts'

export const softmaxCrossEntropy: Mapping = ({ inputs: [logits, labels] }, scope) => {
  const [, classes = 0] = sidesOf(logits)
  const logs = scope.apply('LogSoftmax', [scope.nameOf(logits)], { axis: 1 })
  const picked = scope.apply('Mul', [logs, oneHot(scope, scope.nameOf(labels), classes)])
  const losses = scope.apply('Neg', [summed(scope, picked, [1])])
  const loss = scope.apply('ReduceMean', [losses], { keepdims: 0 })
  return [loss, losses, scope.apply('Exp', [logs])]
}

export const softmaxCrossEntropyGradient: Mapping = (
  { inputs: [probabilities, labels] },
  scope,
) => {
  const [n = 0, classes = 0] = sidesOf(probabilities)
  const excess = scope.apply('Sub', [
    scope.nameOf(probabilities),
    oneHot(scope, scope.nameOf(labels), classes),
  ])
  return [scope.apply('Mul', [excess, scope.scalar(1 / n)])]
}

export const squaredError: Mapping = ({ inputs }, scope) => {
  const difference = scope.apply('Sub', inputs.map(scope.nameOf))
  const losses = summed(scope, scope.apply('Mul', [difference, difference]), [1])
  const total = summed(scope, losses, [0])
  return [scope.apply('Mul', [total, scope.scalar(1 / sizeOf(sidesOf(inputs[0])))]), losses]
}

export const squaredErrorGradient: Mapping = ({ inputs }, scope) => {
  const difference = scope.apply('Sub', inputs.map(scope.nameOf))
  return [scope.apply('Mul', [difference, scope.scalar(2 / sizeOf(sidesOf(inputs[0])))])]
}

/** The update itself is written once for all parameters, behind the last node. */
export const optimizer: Mapping = ({ inputs: [parameter, gradient], attributes }, scope) => {
  assert(parameter, 'an optimizer has a parameter')
  const isDecayed = attributes['isDecayed'] === 1
  scope.updates.push({ parameter, gradient: scope.nameOf(gradient), isDecayed })
  return []
}
