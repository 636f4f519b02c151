import { describe, expect, test } from 'vitest'
import { createThreadTeam } from '#compute/exact/thread-team.ts'
import { knownAnswers } from '#test/bits/known.ts'
import { answerOf } from './known-answer.ts'
import { readWasm } from './fixtures.ts'

describe('200 steps end in the committed hashes', () => {
  test.each([
    ['mlp', 1],
    ['mlp', 2],
    ['mlp', 3],
    ['cnn', 1],
    ['cnn', 2],
  ] as const)('%s with %i threads', async (name, threads) => {
    const answer = await answerOf(name, await readWasm(), { threads, createTeam: createThreadTeam })
    expect(answer).toEqual(knownAnswers[name][200])
  })
})
