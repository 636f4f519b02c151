import { beforeAll, describe, expect, test } from 'vitest'
import { toHex } from '#base/hex.ts'
import { createRng } from '#base/rng.ts'
import { aggregateUpdates } from '#compute/exact/aggregate.ts'
import type { Entry } from '#compute/transcript/program.ts'
import type { StepTensors } from '#compute/transcript/tensors.ts'
import { readWasm } from '../compute/fixtures.ts'
import { randomSpecs, tensorsAfter } from '../compute/transcript/specs.ts'
import type { Call } from './compile.ts'
import { gasChanges } from './gas-figures.ts'
import { compareElements, computeElement, openVerifier, runSlice, startState } from './verifier.ts'

const seed = 5
const rng = createRng(seed)
const specs = Object.entries(randomSpecs(rng))
/** Elements of one tensor, and tensors of one kind, that are computed again for each model. */
const drawn = { elements: 2, tensorsMax: 2 }
const kindCount = 53
const aggregateKind = 18

let call: Call
beforeAll(async () => {
  call = await openVerifier()
})

const seen = new Set<number>([aggregateKind])

function bitsAt(bytes: Uint8Array, element: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(4 * element, true)
}

describe('an element of a tensor', () => {
  test.each(specs)(`of the %s has the engine's bits (seed ${seed})`, async (_name, spec) => {
    const tensors = await tensorsAfter(spec, 2)
    const { faults, kinds } = await compareElements(call, tensors, { rng, ...drawn })
    expect(faults).toEqual([])
    for (const kind of kinds) seen.add(kind)
  })

  test('is of every kind above', () => {
    expect([...seen].toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: kindCount }, (_, i) => i),
    )
  })

  test.each([1, 2, 3, 8])(
    'of a mean of %i updates has the bits of the aggregate',
    async (count) => {
      const updates = Array.from({ length: count }, () =>
        Float32Array.from({ length: 40 }, () => rng.nextU32() / 2 ** 31 - 1),
      )
      const options = { wasm: await readWasm(), memoryBytesMax: 2 ** 24 }
      const mean = await aggregateUpdates(updates, 'mean', options)
      const bytes = [...updates, mean].map((values) => new Uint8Array(values.buffer))
      const operands = updates.map((_, entry) => ({ entry, base: 0 }))
      const entry = { kind: aggregateKind, sides: [BigInt(count)], operands } as unknown as Entry
      const tensors = { bytesOf: (i: number) => bytes[i]! } as StepTensors
      for (const element of [0, 17, 39]) {
        expect(await computeElement(call, tensors, { entry, element })).toBe(
          bitsAt(bytes[count]!, element),
        )
      }
    },
  )
})

describe('a slice', () => {
  test('of another operand gives another value', async () => {
    const tensors = await tensorsAfter(specs[0]![1], 2)
    const place = tensors.program.entries.findIndex(({ kind }) => kind === 0)
    const entry = tensors.program.entries[place]!
    const wrong = { ...tensors, bytesOf: (i: number) => tensors.bytesOf(i).map((byte) => byte ^ 1) }
    const wanted = bitsAt(tensors.bytesOf(place), 0)
    expect(await computeElement(call, tensors, { entry, element: 0 })).toBe(wanted)
    expect(await computeElement(call, wrong, { entry, element: 0 })).not.toBe(wanted)
  })

  test('without terms, beyond the end, or of more than 64 terms is refused', async () => {
    const tensors = await tensorsAfter({ ...specs[0]![1], inputShape: [90] }, 1)
    const entry = tensors.program.entries.find(({ kind, sides }) => kind === 0 && sides[1] === 90n)!
    const run = (from: number, to: number) =>
      runSlice(call, { tensors, entry, leaves: [] }, { element: 0, from, to, state: startState })
    await expect(run(5, 5)).rejects.toThrow('BadSlice 5,5,91')
    await expect(run(0, 65)).rejects.toThrow('BadSlice 0,65,91')
    await expect(run(90, 92)).rejects.toThrow('BadSlice 90,92,91')
    await expect(run(0, 64)).resolves.toBeDefined()
  })

  test('of an unknown kind is refused', async () => {
    const tensors = await tensorsAfter(specs[0]![1], 1)
    const entry = { ...tensors.program.entries.at(-1)!, kind: 255 }
    const slice = { element: 0, from: 0, to: 1, state: startState }
    await expect(runSlice(call, { tensors, entry, leaves: [] }, slice)).rejects.toThrow(
      'UnknownKind',
    )
  })
})

test('gas of 64 steps is what is committed, with whole leaves', async () => {
  const figures: Record<string, number> = {}
  const measure = async (title: string, kind: number, tensors: StepTensors) => {
    const entry = tensors.program.entries.find((one) => one.kind === kind)!
    const leaves: Parameters<typeof runSlice>[1]['leaves'] = []
    const slice = { element: 0, from: 0, to: 64, state: startState }
    figures[title] = (await runSlice(call, { tensors, entry, leaves }, slice)).gas
    expect(leaves.map(({ words }) => toHexLength(words))).toContain(2048)
  }
  const [, mlp] = specs[0]!
  const wide = { ...mlp, batchSize: 40, inputShape: [64] }
  const tensors = await tensorsAfter(wide, 1)
  await measure('64 products', 0, tensors)
  expect(gasChanges('op-verifier', figures)).toEqual([])
})

function toHexLength(words: string): number {
  return (words.length - toHex(new Uint8Array()).length) / 2
}
