import { expect, test } from 'vitest'
import { runVanishJob } from './vanish.ts'

test(
  'one of three honest workers is killed in the middle: the job settles and the money adds up',
  { timeout: 900_000 },
  async () => {
    const { phase, isBalanced, survivorsPaid } = await runVanishJob(1)
    expect(phase).toBe('settled')
    expect(isBalanced).toBe(true)
    expect(survivorsPaid).toBe(2)
  },
)
