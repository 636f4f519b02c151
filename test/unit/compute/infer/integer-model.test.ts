import { describe, expect, test } from 'vitest'
import { createEngine } from '#compute/exact/engine.ts'
import { createIntegerModel } from '#compute/infer/integer-model.ts'
import { loadBatch } from '#compute/train/rows.ts'
import type { TrainSpec } from '#wire/spec.ts'
import { createRows, mlpSpec, readWasm, seed } from '../fixtures.ts'

const spec: TrainSpec = { ...mlpSpec, model: { kind: 'mlp', hidden: [130, 70], ternary: true } }

async function trained() {
  const wasm = await readWasm()
  const engine = await createEngine(spec, wasm)
  engine.initialize(seed)
  const rows = createRows(spec, spec.batchSize)
  loadBatch(engine, rows, [...Array(spec.batchSize).keys()])
  for (let step = 0; step < 40; step += 1) engine.train()
  return { wasm, engine, x: rows.x, logits: engine.forward().logits.slice() }
}

describe('createIntegerModel', () => {
  test('is close to the model and gives the same bits in both forms, row by row', async () => {
    const { wasm, engine, x, logits } = await trained()
    const given = { parameters: engine.p, wasm }
    const packed = await createIntegerModel(spec, given)
    const wide = await createIntegerModel(spec, given, { form: 'wide' })
    expect(wide.ternaryBytes).toBeGreaterThan(3 * packed.ternaryBytes)
    const found = packed.predict(x)
    expect(wide.predict(x)).toEqual(found)
    const width = x.length / spec.batchSize
    expect(packed.predict(x.slice(width * 5, width * 6))).toEqual(
      found.slice(spec.outputs * 5, spec.outputs * 6),
    )
    const error = Math.hypot(...found.map((value, i) => value - (logits[i] as number)))
    expect(error / Math.hypot(...logits)).toBeLessThan(0.03)
    expect(error).toBeGreaterThan(0)
  })

  test('NON_FINITE and SPEC_INVALID', async () => {
    const { wasm, engine, x } = await trained()
    const given = { parameters: engine.p, wasm }
    const model = await createIntegerModel(spec, given)
    const broken = x.with(70, Number.NaN)
    expect(() => model.predict(broken)).toThrow(
      expect.objectContaining({ code: 'NON_FINITE', fields: expect.objectContaining({ row: 1 }) }),
    )
    await expect(createIntegerModel(mlpSpec, given)).rejects.toMatchObject({ code: 'SPEC_INVALID' })
  })
})
