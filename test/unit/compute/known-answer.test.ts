import { describe, expect, test } from 'vitest'
import { createThreadTeam } from '#compute/exact/thread-team.ts'
import { knownAnswers } from '#test/bits/known.ts'
import { answerOf } from './known-answer.ts'
import { readWasm } from './fixtures.ts'

const msMax = 180_000

describe('training ends in the committed hashes', () => {
  test.each([
    ['mlp', 200, 1],
    ['mlp', 200, 2],
    ['mlp', 200, 3],
    ['cnn', 200, 1],
    ['cnn', 200, 2],
    ['cnnNorm', 20, 1],
    ['cnnNorm', 20, 4],
    ['cnnNorm', 200, 2],
    ['gpt', 20, 1],
    ['gpt', 200, 2],
    ['gpt', 20, 4],
    ['llama', 200, 1],
    ['llama', 200, 3],
    ['bitnet', 200, 1],
    ['bitnet', 200, 2],
    ['windows', 20, 1],
    ['windows', 20, 4],
    ['windows', 200, 2],
  ] as const)('%s after %i steps with %i threads', { timeout: msMax }, async (...known) => {
    const [name, steps, threads] = known
    const options = { steps, threads, createTeam: createThreadTeam }
    expect(await answerOf(name, await readWasm(), options)).toEqual(knownAnswers[name][steps])
  })
})
