import { runVanishJob } from '#test/e2e/vanish.ts'

/** One of three honest workers is killed at a random moment: the job settles or refunds, to the wei. */
export async function run(seed: number): Promise<{ phase: string; killedAt: string }> {
  const { phase, isBalanced, killedAt } = await runVanishJob(seed)
  if (phase !== 'settled' && phase !== 'expired') throw new Error(`the job ended ${phase}`)
  if (!isBalanced) throw new Error('payouts, burn and refunds are not the escrow')
  return { phase, killedAt }
}
