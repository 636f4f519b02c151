import { InferenceSession, Tensor, env } from 'onnxruntime-web'
import { beforeAll, describe, expect, test } from 'vitest'
import { rotaryTableOf } from '#compute/exact/rotary.ts'
import { encodeTextOnnx } from '#compute/export/onnx.ts'
import { bitsOf, createWorkbench } from '../exact/workbench.ts'
import { learned, namedOf, promptOf, specOf, styles } from './gguf-models.ts'

beforeAll(() => {
  env.wasm.numThreads = 1
})

describe('encodeTextOnnx', () => {
  test.each(Object.entries(styles))(
    'gives onnxruntime the logits of a model in the style of %s, for any number of rows',
    async (_name, style) => {
      const spec = specOf({ ...style, layers: 1 })
      const engine = await learned(spec, 10)
      const words = 'the wheel turns, the flour is found while the grain is ground ;)'
      const tokens = Int32Array.from(
        { length: 4 * 64 },
        (_, i) => promptOf(words)[i % 63] as number,
      )
      engine.x.set(tokens)
      const expected = engine.forward().logits.slice()
      const bytes = encodeTextOnnx(spec, namedOf(engine))
      expect(encodeTextOnnx(spec, namedOf(engine))).toEqual(bytes)
      await engine.close()
      const session = await InferenceSession.create(bytes, { executionProviders: ['wasm'] })
      for (const rows of [4, 1]) {
        const x = new Tensor('int32', tokens.slice(0, rows * 64), [rows, 64])
        const { logits } = await session.run({ tokens: x })
        expect(logits?.dims).toEqual([rows, 64, 257])
        const found = logits?.data as Float32Array
        const differences = found.map((value, i) => Math.abs(value - (expected[i] as number)))
        expect(differences.reduce((a, b) => Math.max(a, b))).toBeLessThan(1e-4)
      }
      await session.release()
    },
  )
})

describe('rotaryTableOf', () => {
  test.each([
    [64, 16],
    [7, 2],
    [1024, 6],
  ])('has the bits of the engine (%i positions, heads of %i)', async (context, size) => {
    const bench = await createWorkbench(5)
    const at = bench.scratch(context * 2 * size * 4)
    bench.kernels.rotaryTable(at, context, size, 0)
    const found = bench.take(at, context * 2 * size)
    expect(bitsOf(rotaryTableOf(context, size))).toEqual(bitsOf(found))
  })
})
