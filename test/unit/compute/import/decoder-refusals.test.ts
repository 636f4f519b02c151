import { describe, expect, test } from 'vitest'
import { encodeModel } from '#compute/export/onnx-writer.ts'
import { importOnnx } from '#compute/import/onnx.ts'
import { fieldsOf } from '../data/scratch.ts'
import { type Sheet, createSheet, fileOf, sides } from './decoder-sheet.ts'

const { context, vocabulary, width, heads, size } = sides

interface Parts {
  readonly scale?: number
  /** What is added to the scores at a query and a key; a mask is left out where it is undefined. */
  readonly mask?: ((query: number, key: number) => number) | undefined
  readonly base?: number
  readonly turned?: number
  readonly keyHeads?: number
  readonly active?: (sheet: Sheet, x: string) => string
  readonly last?: (sheet: Sheet, h: string) => string
  readonly batch?: number | string
}

const causal = (query: number, key: number) => (key > query ? -1e9 : 0)

/** One attention over an embedding, as it should be but for what is said. */
function decoder(parts: Parts) {
  const { scale = 1 / Math.sqrt(size), base, turned = size, keyHeads = heads } = parts
  const { active, last, batch = 1 } = parts
  const mask = 'mask' in parts ? parts.mask : causal
  const sheet = createSheet(51)
  const { graph, node, list, scalar, weight } = sheet
  const h = node('Gather', [weight('embed', vocabulary, width).name, 'input_ids'])
  const [q, k, v] = (['q', 'k', 'v'] as const).map((part) => {
    const count = part === 'q' ? heads : keyHeads
    const y = node('MatMul', [h, weight(part, width, count * size).name])
    const split = node('Reshape', [y, list(1, context, count, size)])
    return node('Transpose', [split], { perm: [0, 2, 1, 3] })
  }) as [string, string, string]
  const repeated = (x: string) => {
    if (keyHeads === heads) return x
    const wide = node('Expand', [
      node('Unsqueeze', [x, list(2)]),
      list(1, keyHeads, heads / keyHeads, context, size),
    ])
    return node('Reshape', [wide, list(1, heads, context, size)])
  }
  const rotate = (x: string) => (base === undefined ? x : rotated(sheet, x, { base, turned }))
  const key = node('Transpose', [repeated(rotate(k))], { perm: [0, 1, 3, 2] })
  const scores = node('Mul', [node('MatMul', [rotate(q), key]), scalar(scale)])
  const values = Array.from(
    { length: context * context },
    (_, i) => mask?.(Math.floor(i / context), i % context) ?? 0,
  )
  const seen = mask
    ? node('Add', [scores, graph.floats('mask', [context, context], values)])
    : scores
  const heard = node('MatMul', [node('Softmax', [seen]), repeated(v)])
  const joined = node('Reshape', [
    node('Transpose', [heard], { perm: [0, 2, 1, 3] }),
    list(1, context, width),
  ])
  const out = last ? last(sheet, joined) : joined
  const logits = node('MatMul', [
    active ? active(sheet, out) : out,
    weight('head', width, vocabulary).name,
  ])
  return fileOf(sheet, { opset: 18, batch, logits })
}

function rotated(
  { graph, node, list }: Sheet,
  x: string,
  { base, turned }: { base: number; turned: number },
) {
  const half = turned / 2
  const wave = (of: (angle: number) => number) =>
    Array.from({ length: context * turned }, (_, i) =>
      of(Math.floor(i / turned) * base ** ((-2 * (i % half)) / turned)),
    )
  const [cosines, sines] = ([Math.cos, Math.sin] as const).map((of, i) =>
    graph.floats(`${x} ${i}`, [context, turned], wave(of)),
  ) as [string, string]
  const part = (from: number, to: number) => node('Slice', [x, list(from), list(to), list(3)])
  const turning = turned === size ? x : part(0, turned)
  const other = node('Concat', [node('Neg', [part(half, turned)]), part(0, half)], { axis: 3 })
  const y = node('Add', [node('Mul', [turning, cosines]), node('Mul', [other, sines])])
  return turned === size ? y : node('Concat', [y, part(turned, size)], { axis: 3 })
}

describe('importOnnx refuses in decoders', () => {
  test('nothing of a plain one', () => {
    const nodes = importOnnx(decoder({ base: 10_000 }), 'm.onnx').model.nodes
    expect(nodes.map(({ operator }) => operator)).toContain('RotaryEmbedding')
  })

  test.each<[string, Parts, Record<string, unknown>, RegExp]>([
    [
      'attention without a mask',
      { mask: undefined },
      { operator: 'Softmax' },
      /mask is not causal/,
    ],
    [
      'a window',
      { mask: (query, key) => (key > query || key < query - 2 ? -1e9 : 0) },
      { operator: 'Softmax' },
      /mask is not causal/,
    ],
    [
      'a mask that also biases',
      { mask: (query, key) => (key > query ? -1e9 : key - query) },
      { operator: 'Softmax' },
      /mask is not causal/,
    ],
    [
      'scores without their scale',
      { scale: 1 },
      { operator: 'Softmax' },
      /only 1 \/ sqrt\(6\) is supported/,
    ],
    [
      'another base of rotary positions',
      { base: 500_000 },
      { operator: 'Add' },
      /not those of base 10000/,
    ],
    ['rotary positions of a part of each head', { base: 10_000, turned: 4 }, {}, /rotary/],
    ['fewer key heads', { keyHeads: 1 }, { operator: 'Expand' }, /as many key and value heads/],
    [
      'an open context',
      { batch: 'batch', last: ({ node }, h) => node('Tanh', [h]) },
      { operator: 'Reshape' },
      /cannot become/,
    ],
    [
      'an activation that is none of ours',
      { active: ({ node }, x) => node('Tanh', [x]) },
      { operator: 'Tanh' },
      /use GELU, SiLU or ReLU/,
    ],
    [
      'an operator outside of the subset',
      { active: ({ node }, x) => node('Elu', [x]) },
      { operator: 'Elu' },
      /supported are Add, .*Where/,
    ],
    [
      'logits of the last token alone',
      { last: ({ node, list }, h) => node('Gather', [h, list(-1)], { axis: 1 }) },
      {},
      /all of them, to the logits/,
    ],
    [
      'a factor of a value',
      { last: ({ node, scalar }, h) => node('Mul', [h, scalar(3)]) },
      { operator: 'MatMul' },
      /fold such a factor/,
    ],
    [
      'a product of tokens',
      { last: ({ node }, h) => node('MatMul', [h, node('Transpose', [h], { perm: [0, 2, 1] })]) },
      { operator: 'MatMul' },
      /causal attention/,
    ],
    [
      'a norm without a gain',
      {
        last: ({ node, scalar, list }, h) => {
          const square = node('ReduceMean', [node('Mul', [h, h]), list(-1)])
          return node('Div', [h, node('Sqrt', [node('Add', [square, scalar(1e-5)])])])
        },
      },
      { operator: 'ReduceMean' },
      /with a gain/,
    ],
    [
      'half precision',
      { last: ({ node }, h) => node('Cast', [h], { to: 10 }) },
      { operator: 'Cast' },
      /float32/,
    ],
  ])('%s', async (_title, parts, place, text) => {
    const fields = await fieldsOf(() => importOnnx(decoder(parts), 'm.onnx'))
    expect(fields).toMatchObject({
      file: 'm.onnx',
      code: expect.stringMatching(/^ONNX_/),
      ...place,
    })
    expect(fields['message']).toMatch(text)
  })

  test.each([
    ['a context that is not fixed', 'ONNX_DYNAMIC', { node: 'input_ids' }, [[1, 'seq']]],
    ['tokens of another rank', 'ONNX_SHAPE', { node: 'input_ids' }, [[context]]],
    [
      'an attention mask beside the tokens',
      'ONNX_UNSUPPORTED',
      { byte: 0 },
      [
        [1, context],
        [1, context],
      ],
    ],
  ])('%s', async (_title, code, place, shapes) => {
    const sheet = createSheet(52)
    const h = sheet.node('Gather', [sheet.weight('embed', vocabulary, width).name, 'input_ids'])
    const names = ['input_ids', 'attention_mask']
    const bytes = encodeModel(sheet.graph, {
      inputs: shapes.map((shape, i) => ({ name: names[i] ?? '', type: 'i64', shape })),
      outputs: [{ name: h, type: 'f32', shape: [1, context, width] }],
    })
    expect(await fieldsOf(() => importOnnx(bytes, 'm.onnx'))).toMatchObject({ code, ...place })
  })

  test('weights that two layers use in different ways', async () => {
    const active = ({ node, list }: Sheet, x: string) => {
      const part = node('Slice', [x, list(0), list(4), list(2)])
      return node('Concat', [part, part, part], { axis: 2 })
    }
    const fields = await fieldsOf(() => importOnnx(decoder({ active }), 'm.onnx'))
    expect(fields).toMatchObject({ operator: 'Concat', code: 'ONNX_UNSUPPORTED' })
  })
})
