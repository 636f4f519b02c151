import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createReader } from '#chain/client/transactor.ts'
import { accessOf } from '#cli/compose.ts'
import { devRoles } from '#cli/dev-roles.ts'
import { devAccount } from '#cli/mnemonic.ts'
import { networkSchema } from '#cli/network-file.ts'
import { devChainId } from '#wire/addresses.ts'
import type { Hex } from '#wire/primitives.ts'
import { type LocalWorld, type Run, startWorld, summaryOf } from './local-world.ts'
import { rowsCsv } from './rows.ts'

let world: LocalWorld
let file: string

const client = devAccount(devRoles.client, devChainId).address.toLowerCase() as Hex
const ownerOf = (index: number) =>
  devAccount(devRoles.workerOwner(index), devChainId).address.toLowerCase() as Hex

beforeAll(async () => {
  const environment = { QUERN_PRICE_PER_TERAFLOP: '100' }
  world = await startWorld(['--workers', '3', '--evaluators', '2'], { environment })
  file = join(world.dataDir, 'rows.csv')
  writeFileSync(file, rowsCsv({ rows: 300, seed: 5 }))
}, 300_000)

afterAll(() => world?.stop(), 60_000)

async function clientBalanceWei(): Promise<bigint> {
  const text = readFileSync(join(world.dataDir, 'network.json'), 'utf8')
  const reader = createReader(accessOf(networkSchema.parse(JSON.parse(text))))
  return reader.read<bigint>('TrainToken', 'balanceOf', [client])
}

function expectSettled(run: Run, workers: number): void {
  expect(run.exitCode, run.err).toBe(0)
  const summary = summaryOf(run)
  expect(summary.phase).toBe('settled')
  expect(summary.isBalanced).toBe(true)
  expect(summary.workers).toHaveLength(workers)
  for (const { paidWei, slashedWei } of summary.workers) {
    expect(paidWei).toBeGreaterThan(0n)
    expect(slashedWei).toBe(0n)
  }
}

function wordsOf(run: Run): string {
  return run.lines
    .flatMap(({ event, lines }) => (event === 'offer' ? (lines as string[]) : []))
    .join('\n')
}

test('a job of signed offers settles with the two that signed', { timeout: 300_000 }, async () => {
  const run = await world.post([file], ['--match', 'offers', '--workers', '2'])
  expectSettled(run, 2)
  const shown = wordsOf(run)
  for (const { address } of summaryOf(run).workers)
    expect(shown).toContain(`signed        ${address}`)
  expect(run.lines.find(({ event }) => event === 'posted')?.['terms']).toMatchObject({
    matchMode: 1,
  })
})

test(
  'a job of named workers settles with these, in their order',
  { timeout: 300_000 },
  async () => {
    const named = [ownerOf(2), ownerOf(0)]
    const run = await world.post([file], ['--match', 'direct', '--workers-at', named.join(',')])
    expectSettled(run, 2)
    expect(summaryOf(run).workers.map(({ address }) => address)).toEqual(named)
  },
)

test.each<[string, readonly string[], RegExp]>([
  [
    'offers that nobody signs at the price',
    ['--match', 'offers', '--reward', '0.001', '--consent-seconds', '2'],
    /CONSENT_MISSING.*no escrow was taken.*--reward/s,
  ],
  [
    'a named worker that asks for more',
    ['--match', 'direct', '--workers-at', ownerOf(1), '--reward', '0.001'],
    /CONSENT_MISSING.*0x.* asks for more than the reward pays.*no escrow was taken/s,
  ],
  [
    'an owner that is no worker',
    ['--match', 'direct', '--workers-at', client],
    /NOT_REGISTERED.*--workers-at/s,
  ],
])(
  '%s: exit 1, and nothing is paid or posted',
  { timeout: 120_000 },
  async (_name, flags, words) => {
    const beforeWei = await clientBalanceWei()
    const run = await world.post([file], flags)
    expect(run.exitCode).toBe(1)
    expect(run.err).toMatch(words)
    expect(run.lines.map(({ event }) => event)).not.toContain('posted')
    expect(await clientBalanceWei()).toBe(beforeWei)
  },
)
