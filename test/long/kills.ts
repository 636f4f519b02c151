import { createRng } from '#base/rng.ts'
import { scratchDir } from '#test/e2e/chain-process.ts'
import {
  type Witnessed,
  createValidatorProcesses,
  forksOf,
  lostAt,
  startLoad,
  until,
  untilAllAt,
} from '#test/e2e/validators.ts'

const validators = 4
const kills = 3

/**
 * Four validators under load; at moments that the seed draws some of them, or all, are killed, and come back in
 * a drawn order. No final block may change, no answered transaction may be missing.
 */
export async function run(seed: number): Promise<Record<string, number>> {
  const rng = createRng(seed)
  const witnessed: Witnessed = { answered: [], seen: new Map() }
  const scratch = await scratchDir()
  const network = await createValidatorProcesses(scratch.path, validators)
  const all = Array.from({ length: validators }, (_, index) => index)
  const pause = () => new Promise((resolve) => setTimeout(resolve, 200 + rng.below(2_500)))
  try {
    await network.startAll()
    const load = startLoad(network, witnessed)
    for (let kill = 0; kill < kills; kill += 1) {
      await pause()
      const isAll = rng.below(3) === 0
      const chosen = all.filter(() => isAll || rng.below(2) === 0)
      await Promise.all(chosen.map((index) => network.kill(index)))
      await pause()
      const order = chosen.toSorted(() => rng.below(2) - 0.5)
      await Promise.all(order.map((index) => network.start(index)))
    }
    const urls = all.map((index) => network.url(index))
    const goal = Math.max(...witnessed.seen.keys(), 0) + 3
    const height = await untilAllAt(urls, goal)
    await load.end()
    const lost = () => lostAt(urls[0] ?? '', witnessed.answered)
    await until('every answered transaction is in a block', lost, (left) => left.length === 0)
    const forks = await forksOf(urls, witnessed)
    if (forks.length > 0) throw new Error(`forks at ${forks.join()}`)
    if (network.ended().length > 0) throw new Error('a node ended by itself')
    return { kills, height, answered: witnessed.answered.length, finalSeen: witnessed.seen.size }
  } catch (error) {
    const ended = network.ended().join('; ')
    throw new Error(`${String(error)}; ended by themselves: ${ended || 'none'}`, { cause: error })
  } finally {
    await network.stop()
    await scratch.remove()
  }
}
