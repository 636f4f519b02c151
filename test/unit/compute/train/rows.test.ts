import { describe, expect, test } from 'vitest'
import { type Tensor, encodeSafetensors } from '#compute/export/safetensors.ts'
import { decodeRows } from '#compute/train/rows.ts'
import { decodeState, decodeUpdate, encodeState, encodeUpdate } from '#compute/train/state.ts'
import { encodeRows, gptSpec, linearSpec, mlpSpec, rowsOf } from '../fixtures.ts'

const f32 = (shape: number[], values: number[]): Tensor => ({
  dtype: 'F32',
  shape,
  values: Float32Array.from(values),
})
const i32 = (shape: number[], values: number[]): Tensor => ({
  dtype: 'I32',
  shape,
  values: Int32Array.from(values),
})
const spec = { ...mlpSpec, inputShape: [2], outputs: 3 }
const x = f32([2, 2], [1, 2, 3, 4])

describe('decodeRows', () => {
  test.each([mlpSpec, linearSpec, gptSpec])('reads what was written ($model.kind)', (known) => {
    expect(decodeRows(encodeRows(known, 20), known)).toEqual(rowsOf(known, 20))
  })

  test.each<[string, Record<string, Tensor>]>([
    ['no x', { y: i32([2], [0, 1]) }],
    ['no y', { x }],
    ['rows of another width', { x: f32([2, 3], [1, 2, 3, 4, 5, 6]), y: i32([2], [0, 1]) }],
    ['no rows', { x: f32([0, 2], []), y: i32([0], []) }],
    ['fewer labels than rows', { x, y: i32([1], [0]) }],
    ['labels as floats', { x, y: f32([2], [0, 1]) }],
    ['a class too high', { x, y: i32([2], [0, 3]) }],
    ['a negative class', { x, y: i32([2], [-1, 0]) }],
    ['NaN', { x: f32([2, 2], [1, Number.NaN, 3, 4]), y: i32([2], [0, 1]) }],
  ])('ROWS_INVALID: %s', (_name, tensors) => {
    const decode = () => decodeRows(encodeSafetensors(tensors), spec)
    expect(decode).toThrow(expect.objectContaining({ code: 'ROWS_INVALID' }))
  })

  const tokens = i32([2, 3], [0, 1, 2, 3, 4, 0])
  test.each<[string, Record<string, Tensor>]>([
    ['tokens as floats', { x: f32([2, 3], [0, 1, 2, 3, 4, 0]), y: tokens }],
    ['one target a sequence', { x: tokens, y: i32([2], [0, 1]) }],
    ['another context', { x: i32([2, 2], [0, 1, 2, 3]), y: i32([2, 2], [0, 1, 2, 3]) }],
    ['a token too high', { x: i32([2, 3], [0, 1, 2, 3, 5, 0]), y: tokens }],
    ['a negative target', { x: tokens, y: i32([2, 3], [0, 1, 2, -1, 4, 0]) }],
    ['no sequences', { x: i32([0, 3], []), y: i32([0, 3], []) }],
  ])('ROWS_INVALID: %s', (_name, tensors) => {
    const known = { ...gptSpec, inputShape: [3], outputs: 5 }
    const decode = () => decodeRows(encodeSafetensors(tensors), known)
    expect(decode).toThrow(expect.objectContaining({ code: 'ROWS_INVALID' }))
  })

  test('ROWS_INVALID: targets of another width', () => {
    const targets = { ...spec, loss: 'meanSquaredError' as const }
    const decode = () => decodeRows(encodeSafetensors({ x, y: f32([2, 2], [1, 2, 3, 4]) }), targets)
    expect(decode).toThrow(expect.objectContaining({ code: 'ROWS_INVALID' }))
  })
})

describe('decodeState', () => {
  const p = Float32Array.of(1, -2, 3e-41)
  const state = { p, m: Float32Array.of(4, 5, 6), v: new Float32Array(3), step: 12 }

  test('reads what was written', () => {
    expect(decodeState(encodeState(state))).toEqual(state)
    expect(decodeUpdate(encodeUpdate(p))).toEqual(p)
  })

  const part = f32([1], [1])
  test.each<[string, Record<string, Tensor>, Record<string, string>]>([
    ['no step', { p: part, m: part, v: part }, {}],
    ['a step that is no number', { p: part, m: part, v: part }, { step: '1e3' }],
    ['a missing part', { p: part, m: part }, { step: '1' }],
    ['another part', { p: part, m: part, v: part, w: part }, { step: '1' }],
    ['a huge parameter', { p: f32([1], [1e16]), m: part, v: part }, { step: '1' }],
    ['an infinite moment', { p: part, m: part, v: f32([1], [Infinity]) }, { step: '1' }],
  ])('STATE_INVALID: %s', (_name, tensors, metadata) => {
    const decode = () => decodeState(encodeSafetensors(tensors, metadata))
    expect(decode).toThrow(expect.objectContaining({ code: 'STATE_INVALID' }))
  })

  test.each([[Uint8Array.of(1, 2, 3)], [encodeUpdate(Float32Array.of(Number.NaN))]])(
    'STATE_INVALID: an update of %o',
    (bytes) => {
      expect(() => decodeUpdate(bytes)).toThrow(expect.objectContaining({ code: 'STATE_INVALID' }))
    },
  )
})
