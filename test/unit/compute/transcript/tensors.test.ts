import { describe, expect, test } from 'vitest'
import { verifyMerkleProof } from '#base/crypto/merkle.ts'
import { toHex } from '#base/hex.ts'
import { createRng } from '#base/rng.ts'
import { createEngine } from '#compute/exact/engine.ts'
import { createThreadTeam } from '#compute/exact/thread-team.ts'
import { loadBatch } from '#compute/train/rows.ts'
import { entryHashOf, programProofOf, programRootOf } from '#compute/transcript/tensors.ts'
import { readWasm, rowsOf, seed, segmentSeed } from '../fixtures.ts'
import { randomSpecs, tensorsAfter } from './specs.ts'

const rng = createRng(11)
const specs = Object.entries(randomSpecs(rng))

describe.each(specs)('the tensors of a step of the %s', (_name, spec) => {
  test('hash alike on one thread and on two', async () => {
    const one = await tensorsAfter(spec, 2)
    const two = await tensorsAfter(spec, 2, { threads: 2, createTeam: createThreadTeam })
    const count = one.program.entries.length
    expect(two.program.entries.length).toBe(count)
    expect(toHex(two.prefixRoot(count))).toBe(toHex(one.prefixRoot(count)))
    expect(two.loss).toBe(one.loss)
  })

  test('leave the state that ordinary training leaves', async () => {
    const engine = await createEngine(spec, await readWasm())
    engine.initialize(seed)
    engine.setNoise(segmentSeed)
    const rows = rowsOf(spec, spec.batchSize)
    loadBatch(
      engine,
      rows,
      Int32Array.from({ length: spec.batchSize }, (_, i) => i),
    )
    const loss = engine.train()
    const tensors = await tensorsAfter(spec, 1)
    const rootOf = (name: string) => {
      const entry = tensors.program.entries.findIndex((one) => one.name === name)
      return entry < 0 ? undefined : toHex(tensors.rootOf(entry))
    }
    const { p, g, m } = engine.partRoots()
    expect(tensors.loss).toBe(loss)
    expect(rootOf('p after')).toBe(p)
    expect(rootOf('folded')).toBe(g)
    if (engine.m.length > 0) expect(rootOf('m after')).toBe(m)
  })

  test('stand behind what they are computed from', async () => {
    const { program } = await tensorsAfter(spec, 1)
    for (const [i, { kind, operands, sizeElements }] of program.entries.entries()) {
      expect(kind === undefined, `tensor ${i} is given`).toBe(i < program.givenCount)
      expect(sizeElements).toBeGreaterThan(0)
      for (const { entry, base } of operands) {
        expect(entry).toBeLessThan(i)
        expect(base).toBeLessThan(program.entries[entry]?.sizeElements ?? 0)
      }
    }
  })

  test('open at any element', async () => {
    const tensors = await tensorsAfter(spec, 1)
    const { entries } = tensors.program
    const root = programRootOf(tensors.program)
    for (let draw = 0; draw < 20; draw += 1) {
      const entry = rng.below(entries.length)
      const element = rng.below(entries[entry]?.sizeElements ?? 1)
      const { words, proof } = tensors.leafOf(entry, element)
      expect(verifyMerkleProof(tensors.rootOf(entry), words, proof)).toBe(true)
      const at = (4 * element) % words.length
      const wrong = words.slice()
      wrong[at] = (wrong[at] ?? 0) ^ 1
      expect(verifyMerkleProof(tensors.rootOf(entry), wrong, proof)).toBe(false)
      const count = entry + 1 + rng.below(entries.length - entry)
      const path = tensors.entryProof(entry, count)
      expect(verifyMerkleProof(tensors.prefixRoot(count), tensors.rootOf(entry), path)).toBe(true)
      const hash = entryHashOf(entries[entry]!)
      expect(verifyMerkleProof(root, hash, programProofOf(tensors.program, entry))).toBe(true)
    }
  })
})

test('an engine that does not keep its values has none to show', async () => {
  const engine = await createEngine(specs[0]![1], await readWasm())
  expect(() => engine.kept).toThrow('keeps its values')
})
