import { mkdtempSync, truncateSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { toHex } from '#base/hex.ts'
import { leafHashOf, transcriptRootOf } from '#compute/train/commit.ts'
import { type Session, openSession } from '#compute/train/session.ts'
import { openTensors, programOfSpec } from '#compute/transcript/tensor-file.ts'
import type { Misbehaviour } from '#compute/runner.ts'
import { encodeRows, gptSpec, mlpSpec, seed, segmentSeed } from '../fixtures.ts'

const shard = { index: 0, count: 1 }
let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'quern-tensors-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const specs = [
  ['mlp', mlpSpec],
  ['gpt with dropout', { ...gptSpec, model: { ...gptSpec.model, dropout: 0.2 } }],
] as const

describe.each(specs)('transcribe of the %s', (name, spec) => {
  let session: Session
  const at = (file: string) => join(folder, `${name}-${file}`)
  beforeAll(async () => {
    writeFileSync(at('rows'), encodeRows(spec, 4 * spec.batchSize))
    session = await openSession({ spec, trainFile: at('rows'), threads: 1 })
    await session.initialState({ seed, to: at('0') })
  })
  afterAll(() => session.close())

  const trained = (misbehave?: Misbehaviour) =>
    session.train(
      { from: at('0'), to: at('2'), segmentSeed, firstBatch: 0, steps: 2, shard, misbehave },
      async () => undefined,
    )

  test.each([undefined, 'ulp'] as const)('has the leaf of training (%s)', async (misbehave) => {
    const { leaves } = await trained(misbehave)
    await session.train(
      { from: at('0'), to: at('1'), segmentSeed, firstBatch: 0, steps: 1, shard, misbehave },
      async () => undefined,
    )
    const task = { from: at('1'), tensorsTo: at('tensors'), segmentSeed, batch: 1, shard }
    await session.transcribe({ ...task, misbehave })
    const tensors = openTensors(programOfSpec(spec), at('tensors'))
    const rootOf = (of: string) =>
      toHex(tensors.rootOf(tensors.program.entries.findIndex((entry) => entry.name === of)))
    const [p, m, v] = [rootOf('p after'), rootOf('m after'), rootOf('v after')]
    const transcript = transcriptRootOf(rootOf('folded'), tensors.loss)
    expect(leafHashOf({ p, m, v, step: 2, transcript })).toBe(leafHashOf(leaves[1]!))
    tensors.close()
  })

  test('says what a step was given without doing it', async () => {
    await trained()
    const task = { tensorsTo: at('given'), segmentSeed, shard }
    const roots = await session.batches({ ...task, firstBatch: 3, firstStep: 2, steps: 3 })
    expect(new Set(roots).size).toBe(3)
    await session.transcribe({ ...task, from: at('2'), batch: 3 })
    const tensors = openTensors(programOfSpec(spec), at('given'))
    expect(toHex(tensors.batchRoot())).toBe(roots[0])
    tensors.close()
    const [other] = await session.batches({ ...task, firstBatch: 4, firstStep: 2, steps: 1 })
    expect(other).not.toBe(roots[0])
  })

  test('lies by the last bit of one weight', async () => {
    const [right, wrong] = [await trained(), await trained('ulp')]
    expect(wrong.leaves[0]?.m).toBe(right.leaves[0]?.m)
    expect(wrong.leaves[0]?.p).not.toBe(right.leaves[0]?.p)
  })

  test('FILE_FAILED: a file that ends too early', () => {
    truncateSync(at('tensors'), 100)
    expect(() => openTensors(programOfSpec(spec), at('tensors'))).toThrow('FILE_FAILED')
  })
})
