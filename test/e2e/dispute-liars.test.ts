import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createPublicClient, http, parseEther, parseEventLogs } from 'viem'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { devRoles } from '#cli/dev-roles.ts'
import { devAccount } from '#cli/mnemonic.ts'
import { networkSchema } from '#cli/network-file.ts'
import { disputeGameAbi } from '#wire/abi/disputeGame.ts'
import { jobManagerAbi } from '#wire/abi/jobManager.ts'
import { systemAddresses } from '#wire/addresses.ts'
import type { Hex } from '#wire/primitives.ts'
import { type LocalWorld, type Run, quern, startWorld, summaryOf } from './local-world.ts'
import { rowsCsv } from './rows.ts'

/**
 * Worker 1 is honest; the second leaves out one step of twenty, the others change one bit of one weight; both
 * evaluators were paid not to see it.
 */
const lies = ['2:skip-few', '3:ulp', '4:ulp', 'e1:bribed', 'e2:bribed']
const bondsWei = parseEther('40')

/** Who disputes whose claim, and how. Each pays from an account of its own. */
const disputes = {
  bribed: { account: devRoles.client, against: 2, flags: [] },
  self: { account: devRoles.workerOwner(2), against: 3, flags: [] },
  silentDefender: { account: devRoles.evaluatorOwner(2), against: 4, flags: [] },
  false: { account: devRoles.evaluatorOwner(3), against: 1, flags: ['--misbehave', 'false'] },
  silent: {
    account: devRoles.evaluatorOwner(4),
    against: 1,
    flags: ['--misbehave', 'silent', '--round', '1'],
  },
} as const
type Name = keyof typeof disputes

let world: LocalWorld
let run: Run
let played: Readonly<Record<Name, Run>>

const addressOf = (index: number) => devAccount(index, 78787).address.toLowerCase() as Hex
const workerOf = (index: number) => addressOf(devRoles.workerOwner(index - 1))
const operatorOf = (index: number) => addressOf(devRoles.workerOperator(index - 1))

beforeAll(async () => {
  const people = ['--workers', '4', '--evaluators', '2', '--no-restart']
  world = await startWorld([...people, '--misbehave', ...lies])
  const file = join(world.dataDir, 'rows.csv')
  writeFileSync(file, rowsCsv({ rows: 200, seed: 7 }))
  run = await world.post([file], ['--workers', '4', '--run-seconds', '330'])
  process.kill(world.pidOf('worker-4'), 'SIGKILL')
  const names = Object.keys(disputes) as Name[]
  const runs = await Promise.all(names.map((name) => dispute(name)))
  played = Object.fromEntries(names.map((name, i) => [name, runs[i]])) as typeof played
}, 1_800_000)
afterAll(() => world.stop(), 60_000)

/** `quern dispute open`, on a machine of its own. */
function dispute(name: Name): Promise<Run> {
  const { account, against, flags } = disputes[name]
  const dataDir = join(world.dataDir, `challenger-${name}`)
  mkdirSync(dataDir)
  copyFileSync(join(world.dataDir, 'network.json'), join(dataDir, 'network.json'))
  const place = ['--worker', workerOf(against), '--attempt', '0', '--account', `dev:${account}`]
  const { jobId } = summaryOf(run)
  return quern(['dispute', 'open', jobId, ...place, ...flags], { dataDir, timeoutMs: 1_500_000 })
}

async function eventsOf() {
  const text = readFileSync(join(world.dataDir, 'network.json'), 'utf8')
  const { rpcUrl } = networkSchema.parse(JSON.parse(text))
  const rpc = createPublicClient({ transport: http(rpcUrl, { timeout: 60_000 }) })
  const { DisputeGame, JobManager } = systemAddresses
  const range = { fromBlock: 0n, toBlock: 'latest' } as const
  const [game, jobs] = await Promise.all(
    [DisputeGame, JobManager].map((address) => rpc.getLogs({ address, ...range })),
  )
  return {
    decided: parseEventLogs({ abi: disputeGameAbi, eventName: 'Decided', logs: game! }),
    lost: parseEventLogs({ abi: jobManagerAbi, eventName: 'ClaimLost', logs: jobs! }),
  }
}

test('a bribed pair calls the work of liars right, and everybody is paid', () => {
  expect(run.exitCode, run.err).toBe(0)
  const { phase, attempts, workers } = summaryOf(run)
  expect({ phase, attempts }).toEqual({ phase: 'settled', attempts: 1 })
  expect(workers.every(({ paidWei, slashedWei }) => paidWei > 0n && slashedWei === 0n)).toBe(true)
})

describe.each([
  ['bribed', 'whoever computes it again shows the steps that two evaluators did not miss'],
  ['self', 'whoever disputes its own lie wins as challenger'],
  ['silentDefender', 'a liar whose process is gone loses by its clock'],
] as const)('%s', (name, title) => {
  test(title, async () => {
    const { exitCode, lines, err } = played[name]
    expect(exitCode, err).toBe(0)
    const { account, against } = disputes[name]
    const winner = addressOf(account)
    const line = lines.at(-1)
    expect(line).toMatchObject({ event: 'dispute', phase: 'decided', winner })
    expect(line?.['asserter']).toBe(operatorOf(against))
    // A bond for each level that was reached; whoever has nothing to say loses by its clock.
    if (name === 'self') expect(line?.['lostWei']).toBe(String(bondsWei))
    else expect(BigInt(String(line?.['lostWei']))).toBeGreaterThan(0n)
    const { lost } = await eventsOf()
    const own = lost.find(({ args }) => args.worker.toLowerCase() === workerOf(against))
    expect(own?.args.reporter.toLowerCase()).toBe(winner)
  })
})

test('whoever disputes its own lie loses more than it gets', async () => {
  const { decided } = await eventsOf()
  const own = decided.find(({ args }) => args.loser.toLowerCase() === operatorOf(3))
  const { lostWei = 0n, burnedWei = 0n } = own?.args ?? {}
  expect(burnedWei).toBe(lostWei / 2n) // and a fifth goes to the client: both are gone for whoever is on both sides
})

test.each([
  ['false', 'a challenger that finds fault with an honest claim loses its bonds'],
  ['silent', 'a challenger that leaves loses by its clock'],
] as const)('%s: %s', async (name, _title) => {
  const { exitCode, lines, err } = played[name]
  expect(exitCode, err).toBe(0)
  expect(lines.at(-1)).toMatchObject({ phase: 'decided', winner: operatorOf(1) })
  const { decided } = await eventsOf()
  const challenger = addressOf(disputes[name].account)
  const own = decided.find(({ args }) => args.loser.toLowerCase() === challenger)
  expect(own?.args.lostWei).toBeGreaterThan(0n)
})
