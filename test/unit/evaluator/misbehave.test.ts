import { describe, expect, test } from 'vitest'
import { devChainId } from '#wire/addresses.ts'
import { type Shown } from '#evaluator/serving.ts'
import { evaluatorLieOf, evaluatorLies, sitLazily } from '#evaluator/misbehave.ts'
import type { DrawnStep } from '#compute/train/drawn.ts'

describe('evaluatorLieOf', () => {
  test.each(evaluatorLies)('%s is known on a development chain alone', (kind) => {
    expect(evaluatorLieOf(kind, devChainId)).toBe(kind)
    expect(() => evaluatorLieOf(kind, 1)).toThrow(
      expect.objectContaining({ code: 'MISBEHAVE_REFUSED' }),
    )
  })
})

test('sitLazily says that all is right, with the newest tag of another', async () => {
  const said: Shown[] = []
  const words = [
    { evaluator: '0x02', tag: '0xaa' },
    { evaluator: '0x01', tag: '0xbb' },
  ]
  const seat = {
    panel: { self: '0x01' },
    voices: { wordsOn: () => words },
    say: { word: async (_: DrawnStep, shown: Shown) => void said.push(shown) },
  } as unknown as Parameters<typeof sitLazily>[0]
  const { say } = sitLazily(seat)
  await say.word({} as DrawnStep, { kind: 'different', tags: new Map() })
  words.length = 0
  await say.word({} as DrawnStep, { kind: 'withheld' })
  expect(said).toEqual([
    { kind: 'equal', tags: new Map([['0x01', '0xaa']]) },
    { kind: 'equal', tags: new Map([['0x01', `0x${'00'.repeat(32)}`]]) },
  ])
})
