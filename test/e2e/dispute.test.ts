import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createPublicClient, http, parseEther, parseEventLogs } from 'viem'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { devRoles } from '#cli/dev-roles.ts'
import { devAccount } from '#cli/mnemonic.ts'
import { networkSchema } from '#cli/network-file.ts'
import { disputeGameAbi } from '#wire/abi/disputeGame.ts'
import { systemAddresses } from '#wire/addresses.ts'
import type { Hex } from '#wire/primitives.ts'
import { type LocalWorld, type Run, quern, startWorld, summaryOf } from './local-world.ts'
import { rowsCsv } from './rows.ts'

const liar = 2
const bondsWei = parseEther('40')
const decidedMs = 600_000

let world: LocalWorld
let run: Run
beforeAll(async () => {
  const flags = ['--workers', '2', '--evaluators', '3', '--misbehave', `${liar}:ulp`]
  world = await startWorld(flags)
  const file = join(world.dataDir, 'rows.csv')
  writeFileSync(file, rowsCsv({ rows: 200, seed: 7 }))
  run = await world.post([file], ['--workers', '2', '--run-seconds', '240'])
}, 900_000)
afterAll(() => world.stop(), 60_000)

const lower = (address: Hex) => address.toLowerCase() as Hex
const addressOf = (index: number) => lower(devAccount(index, 78787).address)

function reader() {
  const text = readFileSync(join(world.dataDir, 'network.json'), 'utf8')
  const { rpcUrl } = networkSchema.parse(JSON.parse(text))
  return createPublicClient({ transport: http(rpcUrl, { timeout: 60_000 }) })
}

/** All events of the game, once a dispute is decided. */
async function decided() {
  const rpc = reader()
  const address = systemAddresses.DisputeGame
  const untilMs = Date.now() + decidedMs
  for (;;) {
    const logs = await rpc.getLogs({ address, fromBlock: 0n, toBlock: 'finalized' }).catch(() => []) // a busy machine answers late
    const events = parseEventLogs({ abi: disputeGameAbi, logs })
    const end = events.find(({ eventName }) => eventName === 'Decided')
    if (end?.eventName === 'Decided') return { rpc, events, end }
    if (Date.now() > untilMs) throw new Error(`undecided after ${events.length} events`)
    await new Promise((resolve) => setTimeout(resolve, 1000))
  }
}

test('the job is done without the worker that changes one bit of one weight', () => {
  expect(run.exitCode, run.err).toBe(0)
  const summary = summaryOf(run)
  expect(summary.phase).toBe('settled')
  const owner = addressOf(devRoles.workerOwner(liar - 1))
  const found = summary.workers.find(({ address }) => address === owner)
  expect(found?.slashedWei).toBeGreaterThan(0n)
})

test(
  'an evaluator disputes its claim by itself, and plays until the liar has lost its bonds',
  async () => {
    const { rpc, events, end } = await decided()
    const { id, lostWei, burnedWei } = end.args
    const [winner, loser] = [lower(end.args.winner), lower(end.args.loser)]
    expect(loser).toBe(addressOf(devRoles.workerOperator(liar - 1)))
    const operators = [0, 1, 2].map((i) => addressOf(devRoles.evaluatorOperator(i)))
    expect(operators).toContain(winner)
    expect({ lostWei, burnedWei }).toEqual({ lostWei: bondsWei, burnedWei: bondsWei / 2n })

    const freeOf = async (account: Hex) => {
      const [freeWei] = await rpc.readContract({
        address: systemAddresses.DisputeGame,
        abi: disputeGameAbi,
        functionName: 'balanceOf',
        args: [account],
        blockNumber: end.blockNumber,
      })
      return freeWei
    }
    expect(await freeOf(loser)).toBe(0n)
    expect(await freeOf(winner)).toBe(bondsWei + (bondsWei * 3n) / 10n)
    expect(await freeOf(addressOf(devRoles.client))).toBe((bondsWei * 2n) / 10n)

    const own = events.filter(({ args }) => 'id' in args && args.id === id)
    const hashes = [...new Set(own.map(({ transactionHash }) => transactionHash))]
    const receipts = await Promise.all(hashes.map((hash) => rpc.getTransactionReceipt({ hash })))
    const gasUsed = receipts.reduce((sum, receipt) => sum + receipt.gasUsed, 0n)
    const blocks = end.blockNumber - (own[0]?.blockNumber ?? 0n)
    console.log(`dispute: ${hashes.length} transactions, ${gasUsed} gas, ${blocks} blocks`)
    expect(gasUsed).toBeLessThanOrEqual(2_000_000n)
    for (const receipt of receipts) expect(receipt.gasUsed).toBeLessThanOrEqual(500_000n)
  },
  decidedMs + 60_000,
)

describe('quern dispute', () => {
  const client = ['--account', `dev:${devRoles.client}`]
  const dispute = (args: readonly string[]) =>
    quern(['dispute', ...args], { dataDir: join(world.dataDir, 'client-1') })
  const workerOwner = (index: number) => addressOf(devRoles.workerOwner(index - 1))

  test('status lists what was decided, and who won', async () => {
    const { jobId } = summaryOf(run)
    const { exitCode, lines } = await dispute(['status', jobId])
    expect(exitCode).toBe(0)
    const asserter = addressOf(devRoles.workerOperator(liar - 1))
    const lostWei = String(bondsWei)
    expect(lines[0]).toMatchObject({ event: 'dispute', jobId, asserter, phase: 'decided', lostWei })
    expect(lines.at(-1)).toEqual({ event: 'disputes', count: lines.length - 1 })
  })

  test.each([
    ['an honest worker', 1, 'nothing wrong'],
    ['one that has lost already', liar, 'disputed already'],
  ])('open refuses to dispute %s', async (_name, index, reason) => {
    const { jobId } = summaryOf(run)
    const place = ['--worker', workerOwner(index), '--attempt', '0']
    const { exitCode, lines, err } = await dispute(['open', jobId, ...place, ...client])
    expect(exitCode, err).not.toBe(0)
    expect(lines.at(-1)).toMatchObject({ event: 'error', code: 'DISPUTE_LEFT', reason })
  })

  test('open refuses a stranger, and play has nothing to go on with', async () => {
    const { jobId } = summaryOf(run)
    const stranger = addressOf(devRoles.client)
    const open = await dispute(['open', jobId, '--worker', stranger, ...client])
    expect(open.lines.at(-1)).toMatchObject({ event: 'error', code: 'WORKER_UNKNOWN' })
    const play = await dispute(['play', ...client])
    expect(play.exitCode, play.err).toBe(0)
    expect(play.lines.at(-1)).toEqual({ event: 'played', disputes: 0 })
  })
})
