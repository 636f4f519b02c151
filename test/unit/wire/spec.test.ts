import { describe, expect, test } from 'vitest'
import { type TransformerSpec, trainSpecSchema } from '#wire/spec.ts'
import { gptSpec, llamaSpec } from '#test/unit/compute/fixtures.ts'

const model = gptSpec.model as TransformerSpec
const rotary = llamaSpec.model as TransformerSpec

describe('trainSpecSchema of a transformer', () => {
  test.each([gptSpec, llamaSpec, { ...llamaSpec, model: { ...rotary, ternary: true } }])(
    'takes what is whole ($model.norm, ternary $model.ternary)',
    (spec) => {
      expect(trainSpecSchema.parse(spec)).toEqual(spec)
    },
  )

  test.each<[string, object]>([
    ['heads that do not divide the width', { model: { ...model, heads: 5 } }],
    ['rotary heads of an odd width', { model: { ...rotary, width: 18, heads: 2 } }],
    ['no heads', { model: { ...model, heads: 0 } }],
    ['too many layers', { model: { ...model, layers: 65 } }],
    ['a dropout of all', { model: { ...model, dropout: 1 } }],
    ['a negative dropout', { model: { ...model, dropout: -0.1 } }],
    ['an unknown norm', { model: { ...model, norm: 'batch' } }],
    ['a missing field', { model: { ...model, tied: undefined } }],
    ['a field too many', { model: { ...model, bias: true } }],
    ['another loss', { loss: 'meanSquaredError' }],
    ['rows that are no sequences', { inputShape: [3, 8] }],
    ['a vocabulary of one', { outputs: 1 }],
  ])('refuses %s', (_name, change) => {
    expect(trainSpecSchema.safeParse({ ...gptSpec, ...change }).success).toBe(false)
  })
})
