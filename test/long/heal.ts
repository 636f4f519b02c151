import { loadavg } from 'node:os'
import { scratchDir } from '#test/e2e/chain-process.ts'
import { startFaultyValidators } from '#test/e2e/faults/faulty-validators.ts'
import { type Witnessed, forksOf, heightOf, startLoad, untilAllAt } from '#test/e2e/validators.ts'

const validators = 4
const cutMs = 20_000
const goalMs = 10_000
/** What a fork must be seen to be missing from, after the halves meet. */
const blocksAfter = 3

/**
 * Four validators under load are cut into halves of two. How long after the cut ends everybody has a new final block;
 * meanwhile nothing may become final, and never two blocks at one height.
 */
export async function run(): Promise<Readonly<Record<string, number | string>>> {
  const witnessed: Witnessed = { answered: [], seen: new Map() }
  const scratch = await scratchDir()
  const network = await startFaultyValidators(scratch.path, validators)
  const { urls } = network
  const load = startLoad({ count: validators, url: (index) => urls[index] ?? '' }, witnessed)
  const highest = async () => Math.max(...(await Promise.all(urls.map(heightOf))))
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
  try {
    await untilAllAt(urls, (await highest()) + blocksAfter)
    const cutAtMs = Date.now()
    network.partition(cutMs)
    await pause(cutMs / 2)
    const before = await highest()
    await pause(cutMs / 2 - 1_000)
    const frozen = await highest()
    if (frozen !== before) throw new Error(`halves made block ${frozen} final`)
    await untilAllAt(urls, frozen + 1)
    const healMs = Date.now() - cutAtMs - cutMs
    const load = Math.round(loadavg()[0] ?? 0) // of the last minute; a starved machine takes longer
    await untilAllAt(urls, frozen + blocksAfter)
    const forks = await forksOf(urls, witnessed)
    if (forks.length > 0) throw new Error(`forks at ${forks.join(', ')}`)
    const isMet = healMs <= goalMs ? 'yes' : 'no'
    return { cutMs, healMs, goalMs, isMet, load, finalBlocks: await highest() }
  } finally {
    await load.end()
    await network.stop()
    await scratch.remove()
  }
}
