import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { call, scratchDir } from './chain-process.ts'
import {
  type Load,
  type ValidatorProcesses,
  type Witnessed,
  createValidatorProcesses,
  forksOf,
  lostAt,
  lowestOf,
  startLoad,
  until,
  untilAllAt,
} from './validators.ts'

const witnessed: Witnessed = { answered: [], seen: new Map() }
let scratch: Awaited<ReturnType<typeof scratchDir>>
let network: ValidatorProcesses
let load: Load

const urls = () => [0, 1, 2, 3].map((index) => network.url(index))

beforeAll(async () => {
  scratch = await scratchDir()
  network = await createValidatorProcesses(scratch.path, 4)
  await network.startAll()
  load = startLoad(network, witnessed)
})
afterAll(async () => {
  await load.end()
  await network.stop()
  await scratch.remove()
})

describe('four validators in four processes', () => {
  test('make blocks and finalise the same', async () => {
    await untilAllAt(urls(), 5)
    expect(await forksOf(urls(), witnessed)).toEqual([])
  })

  test('one whose readers burn gas without end leads blocks all the same', async () => {
    const url = network.url(0)
    const burning = new AbortController()
    const burns = Array.from({ length: 4 }, () => burnAt(url, burning.signal))
    const { result } = await call(url, 'quern_validators')
    const leader = (result as { members: { address: string }[] }).members[0]?.address
    const from = (await lowestOf(urls())) + 1
    const led = (blocks: readonly Led[]) => blocks.filter((block) => block.leader === leader)
    // Of three heights one is its own, of forty a few at least; a thread that burns leads none in time.
    const found = await until(
      'it has led two blocks, or others forty',
      () => electionsFrom(network.url(2), from),
      (blocks) => led(blocks).length >= 2 || blocks.length >= 40,
    )
    burning.abort()
    const answers = await Promise.all(burns)
    expect(led(found).length).toBeGreaterThanOrEqual(2)
    expect(Math.min(...answers)).toBeGreaterThan(0)
  })

  test('go on while one of them is killed, and have it back', async () => {
    await network.kill(1)
    const left = [0, 2, 3].map((index) => network.url(index))
    const before = await lowestOf(left)
    await untilAllAt(left, before + 4)
    await network.start(1)
    await untilAllAt(urls(), before + 8)
    expect(await forksOf(urls(), witnessed)).toEqual([])
  })

  test('a node that comes late has every block', async () => {
    const late = await network.startFollower()
    await untilAllAt([late], await lowestOf(urls()))
    expect(await forksOf([...urls(), late], witnessed)).toEqual([])
  })

  test('all are killed at once and come back: no final block is lost, no answered transaction', async () => {
    await network.killAll()
    await network.startAll()
    const highest = Math.max(...witnessed.seen.keys())
    await untilAllAt(urls(), highest + 3)
    expect(await forksOf(urls(), witnessed)).toEqual([])
    await load.end()
    expect(witnessed.answered.length).toBeGreaterThan(20)
    const lost = () => lostAt(network.url(2), witnessed.answered)
    await until('every answered transaction is in a block', lost, (hashes) => hashes.length === 0)
  })
})

interface Led {
  readonly leader: string
}

async function electionsFrom(url: string, from: number): Promise<readonly Led[]> {
  const { result } = await call(url, 'quern_elections', [from, 100])
  return result as readonly Led[]
}

const burner = `0x${'bb'.repeat(20)}`

/** Asks for a call that spends all its gas, again and again; how many were answered. */
async function burnAt(url: string, signal: AbortSignal): Promise<number> {
  const endless = { [burner]: { code: '0x5b5f56' } } // JUMPDEST, PUSH0, JUMP
  for (let count = 0; ; count += 1) {
    if (signal.aborted) return count
    await call(url, 'eth_call', [{ to: burner }, 'latest', endless])
  }
}
