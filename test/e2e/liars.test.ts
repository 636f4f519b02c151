import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createPublicClient, http, parseEventLogs } from 'viem'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { networkSchema } from '#cli/network-file.ts'
import { workLedgerAbi } from '#wire/abi/workLedger.ts'
import { systemAddresses } from '#wire/addresses.ts'
import { type LocalWorld, type Run, startWorld, summaryOf } from './local-world.ts'
import { rowsCsv } from './rows.ts'

/** Worker index from 1, as the flag counts them. */
const liars = {
  2: 'copy-update',
  3: 'noise',
  5: 'withhold-states',
  6: 'zero-rate',
} as const
/** Lies that harm nobody: a wrong state beside the right one, which no root names, and states served late. */
const harmless = { 4: 'two-states', 7: 'slow-states' } as const
const honest = 1

let world: LocalWorld
let run: Run

beforeAll(async () => {
  const all = Object.entries({ ...liars, ...harmless })
  const lies = all.map(([index, kind]) => `${index}:${kind}`)
  world = await startWorld(['--workers', '7', '--evaluators', '3', '--misbehave', ...lies])
  const file = join(world.dataDir, 'rows.csv')
  writeFileSync(file, rowsCsv({ rows: 700, seed: 3 }))
  const flags = ['--workers', '7', '--run-seconds', '900'] // nobody waits for its end, whoever is late is not paid
  run = await world.post([file], flags, { timeoutMs: 1_500_000 })
}, 1_800_000)

afterAll(() => world.stop(), 60_000)

/** The summary's workers are in order of assignment: find them by their owner's number in the network. */
async function workerOf(index: number) {
  const { devAccount } = await import('#cli/mnemonic.ts')
  const { devRoles } = await import('#cli/dev-roles.ts')
  const { address } = devAccount(devRoles.workerOwner(index - 1), 78787)
  const found = summaryOf(run).workers.find((worker) => worker.address === address)
  return found!
}

test('the job settles without the liars', () => {
  expect(run.exitCode, run.err).toBe(0)
  expect(summaryOf(run).phase).toBe('settled')
  expect(summaryOf(run).attempts).toBeGreaterThanOrEqual(2)
  expect(summaryOf(run).isBalanced).toBe(true)
})

test.each(Object.entries(liars))(
  'worker %s (%s) loses stake and is paid nothing',
  async (index) => {
    const liar = await workerOf(Number(index))
    expect(liar.slashedWei).toBeGreaterThan(0n)
    expect(liar.paidWei).toBe(0n)
  },
)

test('validators looked for the withheld state, and the chain says that it is', async () => {
  const text = readFileSync(join(world.dataDir, 'network.json'), 'utf8')
  const { rpcUrl } = networkSchema.parse(JSON.parse(text))
  const rpc = createPublicClient({ transport: http(rpcUrl, { timeout: 60_000 }) })
  const address = systemAddresses.WorkLedger
  const logs = await rpc.getLogs({ address, fromBlock: 0n, toBlock: 'finalized' })
  const events = parseEventLogs({ abi: workLedgerAbi, logs })
  const withholder = await workerOf(5)
  const requests = events.filter((event) => event.eventName === 'StateRequested')
  const asked = requests.find(({ args }) => args.worker.toLowerCase() === withholder.address)
  expect(asked).toBeDefined()
  const moved = events.filter((event) => event.eventName === 'StateRequestMoved')
  const ruling = moved.find(({ args }) => args.requestId === asked?.args.requestId)
  expect(ruling?.args.status).toBe(3) // withheld
})

test.each(Object.entries({ ...harmless, [honest]: 'honest' }))(
  'worker %s (%s) is paid and keeps its stake',
  async (index) => {
    const worker = await workerOf(Number(index))
    expect(worker.paidWei).toBeGreaterThan(0n)
    expect(worker.slashedWei).toBe(0n)
  },
)
