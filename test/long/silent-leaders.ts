import { leaderFlags } from '#cli/local-validators.ts'
import { scratchDir } from '#test/e2e/chain-process.ts'
import { electionsOf, urnGenesis } from '#test/e2e/elections.ts'
import {
  type Witnessed,
  createValidatorProcesses,
  forksOf,
  lowestOf,
  startLoad,
  until,
} from '#test/e2e/validators.ts'

const silentDraws = 100
const leaders = 5

/** Four validators; whoever work elects is silent a hundred times on end, then all of them are back. */
export async function run(): Promise<{ drawn: number; wallMs: number }> {
  const scratch = await scratchDir()
  const witnessed: Witnessed = { answered: [], seen: new Map() }
  const genesis = await urnGenesis(4, { leaders, powEvery: 1 })
  const network = await createValidatorProcesses(scratch.path, 4, genesis)
  const startMs = Date.now()
  try {
    await network.startAll()
    const load = startLoad(network, witnessed)
    const urls = [0, 1, 2, 3].map((index) => network.url(index))
    await until(
      'a hundred heights and two go by',
      () => lowestOf(urls),
      (height) => height >= silentDraws + 2,
      { timeoutMs: 1_800_000 },
    )
    const wallMs = Date.now() - startMs
    const drawn = (await electionsOf(network.url(1), 1, silentDraws + 2)).filter(({ work }) => work)
    if (drawn.length < silentDraws) throw new Error(`only ${drawn.length} units were drawn`)
    if (drawn.some(({ mode }) => mode === 'work')) throw new Error('a silent leader led')
    await network.kill(0)
    await network.start(0, leaderFlags(leaders))
    await until(
      'work leads',
      async () => electionsOf(network.url(1), silentDraws + 3, silentDraws + 200),
      (elections) => elections.some(({ mode }) => mode === 'work'),
    )
    await load.end()
    const forks = await forksOf([...urls.slice(1), network.url(0)], witnessed)
    if (forks.length > 0) throw new Error(`forks at ${forks.join(', ')}`)
    return { drawn: drawn.length, wallMs }
  } finally {
    await network.stop()
    await scratch.remove()
  }
}
