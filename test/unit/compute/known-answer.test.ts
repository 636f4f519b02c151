import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { createThreadTeam } from '#compute/exact/thread-team.ts'
import { type KnownName, answerOf } from './known-answer.ts'
import { readWasm } from './fixtures.ts'

const known = JSON.parse(
  await readFile(new URL('./known-answers.json', import.meta.url), 'utf8'),
) as Record<KnownName, object>

describe('200 steps end in the committed hashes', () => {
  test.each([
    ['mlp', 1],
    ['mlp', 2],
    ['mlp', 3],
    ['cnn', 1],
    ['cnn', 2],
  ] as const)('%s with %i threads', async (name, threads) => {
    const answer = await answerOf(name, await readWasm(), { threads, createTeam: createThreadTeam })
    expect(answer).toEqual(known[name])
  })
})
