import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import {
  decodeSafetensors,
  encodeSafetensors,
  takeTensor,
  type Tensor,
} from '#compute/export/safetensors.ts'
import { damage, survivesDamage } from '../mutations.ts'

const x: Tensor = { dtype: 'F32', shape: [2], values: Float32Array.of(1, 2) }
const sample: Record<string, Tensor> = {
  x: { dtype: 'F32', shape: [2, 3], values: Float32Array.of(1, -2, 0.5, NaN, Infinity, -0) },
  y: { dtype: 'I32', shape: [2], values: Int32Array.of(-1, 7) },
  wide: { dtype: 'F64', shape: [1], values: Float64Array.of(Math.PI) },
  big: { dtype: 'I64', shape: [2], values: BigInt64Array.of(-(2n ** 63n), 5n) },
  raw: { dtype: 'U8', shape: [3], values: Uint8Array.of(1, 2, 3) },
  none: { dtype: 'F32', shape: [0, 4], values: new Float32Array(0) },
}

function craft(header: string | Uint8Array, options: { body?: number; length?: bigint } = {}) {
  const text = typeof header === 'string' ? new TextEncoder().encode(header) : header
  const bytes = new Uint8Array(8 + text.length + (options.body ?? 0))
  new DataView(bytes.buffer).setBigUint64(0, options.length ?? BigInt(text.length), true)
  bytes.set(text, 8)
  return bytes
}

describe('encodeSafetensors', () => {
  test('gives the same bytes whatever the order of names', () => {
    const bytes = encodeSafetensors(sample, { b: '2', a: 'x' })
    const turned = encodeSafetensors(new Map(Object.entries(sample).toReversed()), {
      a: 'x',
      b: '2',
    })
    expect(turned).toEqual(bytes)
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(
      '5830c867a036ad20aea4e15052a6715fc57e3c97c6182a7cf138f3dff206691b',
    )
  })

  test('comes back equal, also from an unaligned place', () => {
    const bytes = encodeSafetensors(sample, { step: '3' })
    for (const shift of [0, 1, 4]) {
      const moved = Buffer.alloc(bytes.length + shift)
      moved.set(bytes, shift)
      const file = decodeSafetensors(moved.subarray(shift))
      expect(file.metadata).toEqual({ step: '3' })
      expect(Object.fromEntries(file.tensors)).toEqual(sample)
    }
  })
})

describe('decodeSafetensors', () => {
  const entry = (offsets: string, rest = '"dtype":"U8","shape":[4]') =>
    `{${rest},"data_offsets":${offsets}}`
  test.each([
    ['nothing', new Uint8Array(0), 'length'],
    ['a header length of 2^63', craft('{}', { length: 2n ** 63n }), 'length'],
    ['a header length one too long', craft('{}', { length: 3n }), 'length'],
    ['a header that is no JSON', craft('{"a":'), 'header'],
    ['a header in broken UTF-8', craft(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d)), 'header'],
    ['leading spaces', craft(' {}'), 'header'],
    ['an array', craft('[]'), 'header'],
    [
      'a repeated name',
      craft(`{"a":${entry('[0,4]')},"a":${entry('[0,4]')}}`, { body: 4 }),
      'header',
    ],
    [
      'a repeated field',
      craft(`{"a":${entry('[0,4]', '"dtype":"U8","dtype":"U8","shape":[4]')}}`, { body: 4 }),
      'header',
    ],
    ['offsets beyond the end', craft(`{"a":${entry('[0,4]')}}`, { body: 3 }), 'values'],
    ['bytes after the last tensor', craft(`{"a":${entry('[0,4]')}}`, { body: 5 }), 'values'],
    ['a gap', craft(`{"a":${entry('[1,5]')}}`, { body: 5 }), 'a'],
    ['an overlap', craft(`{"a":${entry('[0,4]')},"b":${entry('[3,7]')}}`, { body: 7 }), 'b'],
    ['an end before the start', craft(`{"a":${entry('[4,0]')}}`, { body: 4 }), 'a'],
    [
      'a shape of 2^63',
      craft('{"a":{"dtype":"U8","shape":[9223372036854775808],"data_offsets":[0,4]}}', { body: 4 }),
      'a',
    ],
    [
      'a shape that multiplies past every limit',
      craft(`{"a":${entry('[0,4]', '"dtype":"U8","shape":[4294967296,4294967296,0]')}}`, {
        body: 4,
      }),
      'a',
    ],
    [
      'a shape larger than its offsets',
      craft(`{"a":${entry('[0,4]', '"dtype":"F32","shape":[4]')}}`, { body: 4 }),
      'a',
    ],
    [
      'a negative side',
      craft(`{"a":${entry('[0,4]', '"dtype":"U8","shape":[-4]')}}`, { body: 4 }),
      'a',
    ],
    ['a fractional offset', craft(`{"a":${entry('[0.5,4.5]')}}`, { body: 5 }), 'a'],
    [
      'an unknown type',
      craft(`{"a":${entry('[0,4]', '"dtype":"BF16","shape":[2]')}}`, { body: 4 }),
      'a',
    ],
    [
      'an unknown field',
      craft(`{"a":${entry('[0,4]', '"dtype":"U8","shape":[4],"z":1')}}`, { body: 4 }),
      'a',
    ],
    [
      'brackets a hundred thousand deep',
      craft(`{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`),
      'header',
    ],
    ['metadata that is no string', craft('{"__metadata__":{"a":1}}'), '__metadata__.a'],
  ])('refuses %s', (_name, bytes, at) => {
    expect(() => decodeSafetensors(bytes, { source: 'some file' })).toThrow(
      expect.objectContaining({
        code: 'SAFETENSORS_INVALID',
        fields: expect.objectContaining({ at, source: 'some file' }),
      }),
    )
  })

  test('refuses more bytes than allowed before it looks at them', () => {
    expect(() => decodeSafetensors(new Uint8Array(100), { sizeBytesMax: 99 })).toThrow(
      expect.objectContaining({ code: 'SAFETENSORS_TOO_LARGE' }),
    )
  })

  const { seed, cases } = damage
  test(`either decodes to what encodes alike or fails by code (${cases} damaged files, seed ${seed})`, async () => {
    const good = [encodeSafetensors(sample, { k: 'v' }), encodeSafetensors({ p: x, m: x, v: x })]
    const read = (bytes: Uint8Array) => {
      const file = decodeSafetensors(bytes, { source: 'a' })
      const again = decodeSafetensors(encodeSafetensors(file.tensors, file.metadata))
      expect(again.tensors).toEqual(file.tensors)
    }
    await survivesDamage(good, read, { codes: ['SAFETENSORS_INVALID'], places: ['at'] })
  })
})

describe('takeTensor', () => {
  const file = decodeSafetensors(encodeSafetensors(sample))
  test('gives the values of the asked type', () => {
    expect([...takeTensor(file, 'y', 'I32').values]).toEqual([-1, 7])
  })
  test.each([
    ['TENSOR_MISSING', 'z', 'F32'],
    ['TENSOR_TYPE', 'y', 'F32'],
  ] as const)('%s', (code, name, dtype) => {
    expect(() => takeTensor(file, name, dtype)).toThrow(expect.objectContaining({ code }))
  })
})
