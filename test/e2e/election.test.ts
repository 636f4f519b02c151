import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { zeroHash } from '#chain/core/header.ts'
import { leaderFlags } from '#cli/local-validators.ts'
import { modelHashAt, segmentIdAt } from '#test/unit/chain/node/urn-storage.ts'
import { tipsAddress } from '#wire/addresses.ts'
import { call, scratchDir } from './chain-process.ts'
import { type ElectionOfHeight, electionsOf, urnGenesis } from './elections.ts'
import {
  type Load,
  type ValidatorProcesses,
  type Witnessed,
  createValidatorProcesses,
  forksOf,
  heightOf,
  startLoad,
  until,
  untilAllAt,
} from './validators.ts'

const witnessed: Witnessed = { answered: [], seen: new Map() }
const seats = [128, 129, 130, 131, 132]
/** The first node has the keys of so many of the five: the last one is always silent. */
const present = 4
const silentWorkHeights = 6
let scratch: Awaited<ReturnType<typeof scratchDir>>
let network: ValidatorProcesses
let load: Load

const urls = () => [0, 1, 2, 3].map((index) => network.url(index))

/** What a header says of a height. */
async function headerOf(height: number) {
  const { result } = await call(network.url(1), 'eth_getBlockByNumber', [
    `0x${height.toString(16)}`,
    false,
  ])
  return result as { extraData: string; miner: string; withdrawals: { address: string }[] }
}

async function checkWorkHeight({ height, mode, modelHash, leader, work }: ElectionOfHeight) {
  const header = await headerOf(height)
  const at = seats.indexOf(work!.seat)
  expect(work!.segmentId).toBe(segmentIdAt(at))
  expect(modelHash).toBe(modelHashAt(at))
  expect(header.extraData).toBe(modelHash)
  if (at >= present) expect(mode).toBe('stake') // nobody has its key; who is present may still be late
  expect(header.miner).toBe(mode === 'work' ? tipsAddress : leader)
  const bonus = header.withdrawals.some(({ address }) => address === leader)
  expect(bonus).toBe(mode === 'work')
}

beforeAll(async () => {
  scratch = await scratchDir()
  const genesis = await urnGenesis(4, { leaders: seats.length })
  network = await createValidatorProcesses(scratch.path, 4, genesis)
  await Promise.all([
    network.start(0, leaderFlags(present)),
    ...[1, 2, 3].map((index) => network.start(index)),
  ])
  load = startLoad(network, witnessed)
})
afterAll(async () => {
  await load.end()
  await network.stop()
  await scratch.remove()
})

describe('four validators with units in the urn', () => {
  test('let work lead at work heights, with the model hash of a drawn segment in the header', async () => {
    await untilAllAt(urls(), 16)
    const elections = await electionsOf(network.url(2), 1, 16)
    expect(elections.map(({ height }) => height)).toEqual(elections.map((_, i) => i + 1))
    for (const election of elections) {
      if (election.height % 2 === 0) await checkWorkHeight(election)
      else {
        expect(election).toMatchObject({ mode: 'stake', work: null, modelHash: zeroHash })
        expect(await headerOf(election.height)).toMatchObject({
          extraData: zeroHash,
          miner: election.leader,
        })
      }
    }
    expect(elections.filter(({ mode }) => mode === 'work').length).toBeGreaterThan(1)
    const units = elections.flatMap(({ work }) => (work ? [`${work.segmentId} ${work.j}`] : []))
    expect(new Set(units).size).toBe(8)
    expect(await forksOf(urls(), witnessed)).toEqual([])
  })

  test('go on when every leader by work is silent, and have them back', async () => {
    await network.kill(0)
    await network.start(0)
    const from = (await untilAllAt(urls(), 0)) + 2
    const to = from + 2 * silentWorkHeights
    await untilAllAt(urls(), to)
    const silent = await electionsOf(network.url(1), from, to)
    const drawn = silent.filter(({ work }) => work !== null)
    expect(drawn.length).toBeGreaterThanOrEqual(silentWorkHeights)
    expect(drawn.filter(({ mode }) => mode === 'work')).toEqual([])
    await network.kill(0)
    await network.start(0, leaderFlags(present))
    await until(
      'work leads again',
      async () => electionsOf(network.url(1), to, to + 200),
      (elections) => elections.some(({ mode }) => mode === 'work'),
    )
    expect(await forksOf(urls(), witnessed)).toEqual([])
  })
})

describe('a chain whose powEvery is 0', () => {
  test('goes by stake, whatever is in the urn', async () => {
    const own = await scratchDir()
    const alone = await createValidatorProcesses(
      own.path,
      1,
      await urnGenesis(1, { leaders: seats.length, powEvery: 0 }),
    )
    try {
      await alone.start(0, leaderFlags(seats.length))
      const transfers = startLoad(alone, { answered: [], seen: new Map() })
      await until(
        'it has blocks',
        () => heightOf(alone.url(0)),
        (height) => height >= 6,
      )
      await transfers.end()
      const elections = await electionsOf(alone.url(0), 1, 6)
      expect(elections.map(({ mode, work }) => [mode, work])).toEqual(
        elections.map(() => ['stake', null]),
      )
    } finally {
      await alone.stop()
      await own.remove()
    }
  })
})
