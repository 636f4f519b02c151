import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { scratchDir } from './chain-process.ts'
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
