import { describe, expect, test } from 'vitest'
import { createGraphWriter, type GraphWriter } from '#compute/export/onnx-writer.ts'
import { bytesField, integerField } from '#compute/export/protobuf.ts'
import { importOnnx } from '#compute/import/onnx.ts'
import { trainSpecSchema } from '#wire/spec.ts'
import { fieldsOf } from '../data/scratch.ts'
import { damage, survivesDamage } from '../mutations.ts'
import { decoderFixtures } from './decoder-fixtures.ts'
import { fileOf, fixtures, type FileOptions } from './fixtures.ts'
import { specOf } from './imported.ts'

describe('importOnnx refuses', () => {
  const input = ['batch', 4]
  const made = (build: (graph: GraphWriter) => void, options: Partial<FileOptions> = {}) => {
    const graph = createGraphWriter()
    build(graph)
    return fileOf(graph, { input, ...options })
  }
  const matrix = (graph: GraphWriter, name = 'w', shape = [4, 5]) =>
    graph.floats(
      name,
      shape,
      new Float32Array(shape.reduce((size, side) => size * side, 1)).fill(0.5),
    )
  const last = { output: 'y' }
  const isY = { node: 'Gemm0', operator: 'Gemm' }

  test.each([
    [
      'an operator outside of the subset',
      'ONNX_UNSUPPORTED',
      { node: 'Sigmoid0', operator: 'Sigmoid' },
      made((graph) => graph.node('Gemm', [graph.node('Sigmoid', ['input']), matrix(graph)], last)),
    ],
    [
      'an operator of another domain',
      'ONNX_UNSUPPORTED',
      { operator: 'FusedConv' },
      made((graph) => graph.node('FusedConv', ['input', matrix(graph)], last)),
    ],
    [
      'a dynamic side',
      'ONNX_DYNAMIC',
      { node: 'input' },
      made((graph) => graph.node('Gemm', ['input', matrix(graph)], last), {
        input: ['batch', 'features'],
      }),
    ],
    [
      'an input without a shape of rows',
      'ONNX_SHAPE',
      { node: 'input' },
      made((graph) => graph.node('Gemm', ['input', matrix(graph)], last), { input: [4] }),
    ],
    [
      'weights that do not fit',
      'ONNX_SHAPE',
      isY,
      made((graph) => graph.node('Gemm', ['input', matrix(graph, 'w', [3, 5])], last)),
    ],
    [
      'weights of a wrong rank',
      'ONNX_SHAPE',
      isY,
      made((graph) =>
        graph.node('Gemm', ['input', graph.floats('w', [2, 2, 5], new Float32Array(20))], last),
      ),
    ],
    [
      'kernels of another depth than the image',
      'ONNX_SHAPE',
      { node: 'Conv0', operator: 'Conv' },
      made((graph) => graph.node('Conv', ['input', matrix(graph, 'w', [2, 2, 3, 2])], last), {
        input: ['batch', 1, 8, 8],
      }),
    ],
    [
      'computed weights',
      'ONNX_UNSUPPORTED',
      isY,
      made((graph) => graph.node('Gemm', ['input', 'input'], last)),
    ],
    [
      'a factor of a Gemm',
      'ONNX_UNSUPPORTED',
      isY,
      made((graph) =>
        graph.node('Gemm', ['input', matrix(graph)], {
          ...last,
          attributes: { alpha: { float: 2 } },
        }),
      ),
    ],
    [
      'a cycle',
      'ONNX_ORDER',
      { node: 'Add0' },
      made((graph) => {
        graph.node('Add', ['input', 'b'], { output: 'a' })
        graph.node('Relu', ['a'], { output: 'b' })
        graph.node('Gemm', ['b', matrix(graph)], last)
      }),
    ],
    [
      'a missing input',
      'ONNX_ORDER',
      isY,
      made((graph) => graph.node('Gemm', ['input', 'nowhere'], last)),
    ],
    [
      'a name given twice',
      'ONNX_INVALID',
      { node: 'Relu1' },
      made((graph) => {
        graph.node('Relu', ['input'], { output: 'a' })
        graph.node('Relu', ['a'], { output: 'a' })
        graph.node('Gemm', ['a', matrix(graph)], last)
      }),
    ],
    [
      'an added constant',
      'ONNX_UNSUPPORTED',
      { node: 'Add0' },
      made((graph) => {
        const sum = graph.node('Add', ['input', graph.floats('c', [4], [1, 2, 3, 4])])
        graph.node('Gemm', [sum, matrix(graph)], last)
      }),
    ],
    [
      'groups that do not share the channels',
      'ONNX_SHAPE',
      { node: 'Conv0' },
      made(
        (graph) =>
          graph.node('Conv', ['input', graph.floats('w', [2, 1, 1, 1], [1, 2])], {
            ...last,
            attributes: { group: 3 },
          }),
        { input: [1, 2, 3, 3] },
      ),
    ],
    [
      'a stride beyond the limit',
      'ONNX_UNSUPPORTED',
      { node: 'Conv0' },
      made(
        (graph) =>
          graph.node('Conv', ['input', graph.floats('w', [2, 2, 1, 1], [1, 2, 3, 4])], {
            ...last,
            attributes: { strides: [1, 64] },
          }),
        { input: [1, 2, 3, 3] },
      ),
    ],
    [
      'pads that cut',
      'ONNX_UNSUPPORTED',
      { node: 'Conv0' },
      made(
        (graph) =>
          graph.node('Conv', ['input', graph.floats('w', [2, 2, 1, 1], [1, 2, 3, 4])], {
            ...last,
            attributes: { pads: [0, 0, -1, 0] },
          }),
        { input: [1, 2, 3, 3] },
      ),
    ],
    [
      'a pooling that counts its padding',
      'ONNX_UNSUPPORTED',
      { node: 'AveragePool0' },
      made(
        (graph) =>
          graph.node('AveragePool', ['input'], {
            ...last,
            attributes: { kernel_shape: [2, 2], pads: [1, 1, 1, 1], count_include_pad: 1 },
          }),
        { input: [1, 2, 4, 4] },
      ),
    ],
    [
      'a negative running variance',
      'ONNX_INVALID',
      { node: 'BatchNormalization0' },
      made((graph) => {
        const figures = [1, 0, 0, -1].map((value, i) =>
          graph.floats(`n${i}`, [4], [value, value, value, value]),
        )
        const normal = graph.node('BatchNormalization', ['input', ...figures])
        graph.node('Gemm', [normal, matrix(graph)], last)
      }),
    ],
    [
      'a mean over rows',
      'ONNX_UNSUPPORTED',
      { node: 'ReduceMean0' },
      made((graph) => graph.node('ReduceMean', ['input', graph.integers('axes', [0])], last)),
    ],
    [
      'the GELU of erf',
      'ONNX_UNSUPPORTED',
      { node: 'Gelu0' },
      made((graph) => graph.node('Gemm', [graph.node('Gelu', ['input']), matrix(graph)], last), {
        opset: 20,
      }),
    ],
    [
      'a mix of rows',
      'ONNX_SHAPE',
      { node: 'Reshape0' },
      made((graph) => {
        const mixed = graph.node('Reshape', ['input', graph.integers('s', [-1, 2])])
        graph.node('Gemm', [mixed, matrix(graph, 'w', [2, 5])], last)
      }),
    ],
    [
      'turned rows',
      'ONNX_UNSUPPORTED',
      { node: 'Transpose0' },
      made((graph) =>
        graph.node('Gemm', [graph.node('Transpose', ['input']), matrix(graph)], last),
      ),
    ],
    [
      'an output that is stored',
      'ONNX_INVALID',
      { node: 'y' },
      made((graph) => graph.node('Identity', [matrix(graph)], last)),
    ],
    [
      'an output of another shape',
      'ONNX_SHAPE',
      { node: 'y' },
      made((graph) => graph.node('Relu', ['input'], last), { input: [1, 2, 3, 3] }),
    ],
    [
      'weights that are not finite',
      'ONNX_INVALID',
      { node: 'y' },
      made((graph) =>
        graph.node(
          'Gemm',
          ['input', graph.floats('w', [4, 5], new Float32Array(20).fill(NaN))],
          last,
        ),
      ),
    ],
    [
      'old operators',
      'ONNX_OPSET',
      { byte: 0 },
      made((graph) => graph.node('Gemm', ['input', matrix(graph)], last), { opset: 9 }),
    ],
    [
      'operators to come',
      'ONNX_OPSET',
      { byte: 0 },
      made((graph) => graph.node('Gemm', ['input', matrix(graph)], last), { opset: 99 }),
    ],
    ['another file', 'ONNX_INVALID', {}, Buffer.from('something else')],
    ['nothing', 'ONNX_INVALID', { byte: 0 }, new Uint8Array(0)],
  ])('%s: %s', async (_title, code, place, bytes) => {
    const fields = await fieldsOf(() => importOnnx(bytes, 'model.onnx'))
    expect(fields).toMatchObject({ code, file: 'model.onnx', ...place })
  })

  test('says what to use instead', async () => {
    const bytes = made((graph) =>
      graph.node('Gemm', [graph.node('Tanh', ['input']), matrix(graph)], last),
    )
    const { message } = (await fieldsOf(() => importOnnx(bytes, 'm.onnx'))) as { message?: string }
    expect(message).toMatch(/^m\.onnx: node "Tanh0" \(Tanh\): .*use Relu; .*; supported are Add, /)
  })

  const tensorOf = (...fields: Uint8Array[]) => {
    const tensor = bytesField(5, [bytesField(8, 'w'), ...fields])
    return Buffer.concat([bytesField(7, [tensor]), bytesField(8, [integerField(2, 17)])])
  }
  test.each([
    ['weights outside of the file', 'ONNX_EXTERNAL', [integerField(2, 1), integerField(14, 1)]],
    ['weights of half precision', 'ONNX_TYPE', [integerField(2, 10)]],
    ['a side of 2^63', 'ONNX_INVALID', [integerField(2, 1), integerField(1, -(2 ** 63))]],
    [
      'sides that multiply past every limit',
      'ONNX_TOO_LARGE',
      [integerField(2, 1), ...[1, 2, 3].map(() => integerField(1, 2 ** 40))],
    ],
    [
      'fewer values than the shape says',
      'ONNX_INVALID',
      [integerField(2, 1), integerField(1, 5), bytesField(9, new Uint8Array(16))],
    ],
    ['a length that lies', 'ONNX_INVALID', [Uint8Array.of(9 * 8 + 2, 255, 255, 255, 255, 127)]],
    ['an integer without end', 'ONNX_INVALID', [Uint8Array.of(16, ...Array<number>(12).fill(255))]],
    ['a group', 'ONNX_INVALID', [Uint8Array.of(8 * 8 + 3)]],
  ])('%s: %s', async (_title, code, fields) => {
    const found = await fieldsOf(() => importOnnx(tensorOf(...fields), 'm.onnx'))
    expect(found).toMatchObject({ code, byte: expect.any(Number) })
  })

  const { seed: first, cases } = damage
  test(`damaged files by code and place, or reads what can be trained (${cases} of them, seed ${first})`, async () => {
    const codes = [
      'INVALID',
      'UNSUPPORTED',
      'TOO_LARGE',
      'OPSET',
      'EXTERNAL',
      'TYPE',
      'DYNAMIC',
      'SHAPE',
      'ORDER',
    ]
    const read = (bytes: Uint8Array) => {
      const imported = importOnnx(bytes, 'm.onnx')
      expect(trainSpecSchema.safeParse(specOf(imported)).success).toBe(true)
    }
    const files = [...fixtures, ...decoderFixtures].map(({ bytes }) => bytes)
    const options = { codes: codes.map((code) => `ONNX_${code}`), places: ['byte', 'node'] }
    const { read: count } = await survivesDamage(files, read, options)
    expect(count).toBeGreaterThan(cases / 100)
  })
})
