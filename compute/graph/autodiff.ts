import { assert } from '#base/assert.ts'
import type { Builder } from './builder.ts'
import type { Value } from './graph.ts'
import { operators } from './operators.ts'

/**
 * Reverse-mode differentiation: appends the nodes that compute the gradient of `loss` (the first output of a
 * loss operator) by every parameter, last node first. Where a value is used more than once, its gradients are
 * added in the order in which they come up.
 */
export function differentiate(builder: Builder, loss: Value): ReadonlyMap<Value, Value> {
  const forward = [...builder.nodes]
  const needed = neededValues(builder)
  const gradients = new Map<Value, Value>()
  for (const node of forward.toReversed()) {
    const { operator, inputs, outputs, attributes } = node
    const isReached = outputs.some((value) => value === loss || gradients.has(value))
    if (!isReached || !inputs.some((value) => needed.has(value))) continue
    const { gradient } = operators[operator]
    assert(gradient, `${operator} has a gradient`)
    const found = gradient({
      inputs,
      outputs,
      attributes,
      gradients: outputs.map((value) => gradients.get(value)),
      isNeeded: inputs.map((value) => needed.has(value)),
      apply: builder.apply,
    })
    for (const [i, input] of inputs.entries()) {
      const part = found[i]
      if (!part || !needed.has(input)) continue
      const known = gradients.get(input)
      gradients.set(input, known ? (builder.apply('Add', [known, part])[0] as Value) : part)
    }
  }
  return gradients
}

/** Values through which the loss depends on a parameter. */
function neededValues({ nodes, parameters }: Builder): ReadonlySet<Value> {
  const needed = new Set(
    parameters.filter(({ layout }) => !layout.isBuffer).map(({ value }) => value),
  )
  for (const { inputs, outputs } of nodes) {
    if (!inputs.some((value) => needed.has(value))) continue
    for (const value of outputs) if (value.type === 'f32') needed.add(value)
  }
  return needed
}
