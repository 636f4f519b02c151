import { runKills } from '#test/e2e/rpc-kill.ts'

const kills = 40

/** A node killed 40 times under load: no final block is another one later, no answered transaction is lost. */
export async function run(seed: number): Promise<{ answered: number; finalBlocks: number }> {
  const { answered, finalBlocks, ...losses } = await runKills(seed, kills)
  const { refused, lost, changed, nonceLosses, errors } = losses
  const hasLost =
    [...refused, ...lost].length > 0 || changed.length > 0 || nonceLosses > 0 || errors !== ''
  if (hasLost) throw new Error(JSON.stringify(losses))
  if (answered < kills * 20 || finalBlocks < kills) throw new Error(`too little load: ${answered}`)
  return { answered, finalBlocks }
}
