import { describe, expect, test } from 'vitest'
import { ternaryOf } from '#compute/exact/ternary.ts'
import { encodeGguf, isGgufFit } from '#compute/export/gguf.ts'
import { writeGguf } from '#compute/export/gguf-writer.ts'
import { packTernary, unpackTernary } from '#compute/export/ternary-blocks.ts'
import { decodeGguf } from '#compute/import/gguf.ts'
import { merges, tokenTexts } from '#wire/vocabulary.ts'
import { fieldsOf } from '../data/scratch.ts'
import { cnnSpec } from '../fixtures.ts'
import { damage, survivesDamage } from '../mutations.ts'
import { learned, namedOf, specOf, styles } from './gguf-models.ts'

async function made(name: string, layers = 1) {
  const spec = specOf({ ...styles[name], layers })
  const engine = await learned(spec, 1)
  const named = namedOf(engine)
  await engine.close()
  return { spec, named, bytes: encodeGguf(spec, named, { name: 'a model' }) }
}

describe('encodeGguf', () => {
  test('tells llama.cpp what it needs', async () => {
    const { bytes, spec, named } = await made('llama')
    expect(encodeGguf(spec, named, { name: 'a model' })).toEqual(bytes)
    const { metadata, tensors } = decodeGguf(bytes, 'a')
    expect(Object.fromEntries(metadata)).toMatchObject({
      'general.architecture': 'llama',
      'general.name': 'a model',
      'llama.context_length': 64,
      'llama.rope.dimension_count': 16,
      'tokenizer.ggml.model': 'gpt2',
      'tokenizer.ggml.tokens': tokenTexts,
      'tokenizer.ggml.merges': merges,
      'tokenizer.ggml.eos_token_id': 256,
    })
    const gate = named.find(({ name }) => name === 'block1.gate.weight')
    const written = tensors.get('blk.0.ffn_gate.weight')
    expect(written?.shape).toEqual([64, 96])
    const values = new Float32Array(Uint8Array.from(written?.bytes ?? []).buffer)
    expect([values[1], values[64]]).toEqual([gate?.values[96], gate?.values[1]])
  })

  test('packs ternary matrices in two bits, their scales beside them', async () => {
    const { bytes, named } = await made('bitnet')
    const { tensors } = decodeGguf(bytes, 'a')
    const up = named.find(({ name }) => name === 'block1.up.weight')
    const { signs, scale } = ternaryOf(up?.values as Float32Array, up?.shape ?? [])
    const packed = tensors.get('blk.0.ffn_up.weight')
    expect([packed?.type, packed?.shape, packed?.bytes.length]).toEqual([
      'TQ2_0',
      [256, 256],
      256 * 66,
    ])
    const found = unpackTernary(packed?.bytes as Uint8Array) as Int8Array
    for (const [o, i] of [
      [0, 0],
      [3, 255],
      [255, 31],
      [100, 128],
    ] as const) {
      expect(found[o * 256 + i]).toBe(signs[i * 256 + o])
    }
    const written = Uint8Array.from(tensors.get('blk.0.ffn_up.scale')?.bytes ?? [])
    expect([...new Float32Array(written.buffer)]).toEqual([scale])
  })

  test.each([
    ['another model', cnnSpec],
    ['another vocabulary', { ...specOf({}), outputs: 300 }],
    ['a mixed style', specOf({ norm: 'layer' })],
    ['a ternary model with a head of its own', specOf({ ...styles['bitnet'], tied: false })],
  ])('GGUF_UNFIT: %s', async (_title, spec) => {
    expect(await fieldsOf(() => encodeGguf(spec, []))).toMatchObject({
      code: 'GGUF_UNFIT',
    })
    expect(isGgufFit(spec)).toBe(false)
    expect(isGgufFit(specOf({}))).toBe(true)
  })
})

describe('decodeGguf', () => {
  const { seed, cases } = damage
  const codes = ['GGUF_INVALID', 'GGUF_UNSUPPORTED']
  const good = writeGguf(
    {
      'general.architecture': { text: 'llama' },
      'general.alignment': { u32: 32 },
      'llama.rope.freq_base': { f32: 10_000 },
      'tokenizer.ggml.tokens': { texts: ['a', 'bc'] },
      'tokenizer.ggml.token_type': { i32s: [1, 3] },
      'tokenizer.ggml.add_bos_token': { bool: true },
    },
    [
      { name: 'a', type: 'F32', shape: [3, 2], bytes: new Uint8Array(24) },
      { name: 'b', type: 'TQ2_0', shape: [256], bytes: packTernary(new Int8Array(256)) },
      { name: 'c', type: 'F32', shape: [1], bytes: new Uint8Array(4) },
    ],
  )

  test(`reads or refuses by place (${cases} damaged files, seed ${seed})`, async () => {
    const read = (bytes: Uint8Array) => {
      for (const { shape, type, bytes: own } of decodeGguf(bytes, 'a').tensors.values()) {
        const elements = shape.reduce((product, side) => product * side, 1)
        expect(own.length).toBe(type === 'F32' ? 4 * elements : (66 * elements) / 256)
      }
    }
    await survivesDamage([good], read, { codes, places: ['byte'] })
  })

  const craft = (...parts: (number | bigint | string)[]) =>
    Buffer.concat([
      Buffer.from('GGUF'),
      ...parts.map((part) => {
        if (typeof part === 'string') return Buffer.from(part)
        const bytes = Buffer.alloc(typeof part === 'bigint' ? 8 : 4)
        if (typeof part === 'bigint') bytes.writeBigUInt64LE(part)
        else bytes.writeUInt32LE(part)
        return bytes
      }),
    ])
  test.each([
    ['nothing', 'GGUF_INVALID', new Uint8Array(0)],
    ['another version', 'GGUF_UNSUPPORTED', craft(2, 0n, 0n)],
    ['2^63 tensors', 'GGUF_INVALID', craft(3, 2n ** 63n, 0n)],
    ['2^63 values', 'GGUF_INVALID', craft(3, 0n, 2n ** 63n)],
    ['a text of 2^63 bytes', 'GGUF_INVALID', craft(3, 0n, 1n, 2n ** 63n)],
    ['a list of lists', 'GGUF_INVALID', craft(3, 0n, 1n, 1n, 'a', 9, 9, 1n)],
    ['a list of 2^40', 'GGUF_INVALID', craft(3, 0n, 1n, 1n, 'a', 9, 4, 2n ** 40n)],
    ['a side of 2^63', 'GGUF_INVALID', craft(3, 1n, 0n, 1n, 'a', 1, 2n ** 63n, 0, 0n)],
    ['five sides', 'GGUF_INVALID', craft(3, 1n, 0n, 1n, 'a', 5)],
    ['an offset of 2^63', 'GGUF_INVALID', craft(3, 1n, 0n, 1n, 'a', 1, 4n, 0, 2n ** 63n)],
    ['a quantised tensor', 'GGUF_UNSUPPORTED', craft(3, 1n, 0n, 1n, 'a', 1, 32n, 8, 0n)],
    ['ternary rows of no whole blocks', 'GGUF_INVALID', craft(3, 1n, 0n, 1n, 'a', 1, 32n, 35, 0n)],
  ])('refuses %s', async (_title, code, bytes) => {
    const fields = await fieldsOf(() => decodeGguf(bytes, 'a.gguf'))
    expect(fields).toMatchObject({ code, file: 'a.gguf', byte: expect.any(Number) })
  })
})
