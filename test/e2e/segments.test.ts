import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createReader } from '#chain/client/transactor.ts'
import { accessOf } from '#cli/compose.ts'
import { devRoles } from '#cli/dev-roles.ts'
import { devAccount } from '#cli/mnemonic.ts'
import { networkSchema } from '#cli/network-file.ts'
import { devChainId } from '#wire/addresses.ts'
import type { Hex } from '#wire/primitives.ts'
import { type LocalWorld, type Run, quern, startWorld, summaryOf } from './local-world.ts'
import { rowsCsv } from './rows.ts'
import { until } from './validators.ts'

const validators = 2
const workers = 3
/** Worker index from 0. */
const liar = 1
const honest = [0, 2] as const

/** The ledger part of `quern job show --json`. */
interface Shown {
  readonly commitments: readonly { readonly worker: Hex; readonly segmentId: Hex }[]
  readonly attesters: readonly number[]
  readonly attested: readonly { readonly seat: number; readonly workers: number }[]
  readonly matured: readonly { readonly segmentId: Hex; readonly units: number }[]
}

let world: LocalWorld
let run: Run

beforeAll(async () => {
  const people = ['--workers', `${workers}`, '--evaluators', '2', '--validators', `${validators}`]
  world = await startWorld([...people, '--misbehave', `${liar + 1}:false-claims`])
  const file = join(world.dataDir, 'rows.csv')
  writeFileSync(file, rowsCsv({ rows: 300, seed: 3 }))
  run = await world.post([file], ['--workers', `${workers}`, '--evaluators', '2'])
}, 900_000)

afterAll(() => world?.stop(), 60_000)

const ownerOf = (index: number) => devAccount(devRoles.workerOwner(index), devChainId).address

async function ledger(): Promise<Shown> {
  const shown = await quern(['job', 'show', summaryOf(run).jobId], { dataDir: world.dataDir })
  return shown.lines.at(-1)!['ledger'] as Shown
}

const idsOf = ({ commitments }: Shown, index: number) =>
  commitments.filter(({ worker }) => worker === ownerOf(index)).map(({ segmentId }) => segmentId)

/** What two honest workers committed, and nothing else, is mature. */
const isRipe = (seen: Shown) => {
  const wanted = honest.flatMap((index) => idsOf(seen, index))
  return wanted.length > 0 && seen.matured.length >= wanted.length
}

describe('a job through the market', () => {
  test('pays every worker, the one that lies to the ledger too: its work is right', () => {
    expect(run.exitCode, run.err).toBe(0)
    expect(summaryOf(run).phase).toBe('settled')
    for (const { paidWei, slashedWei, segments } of summaryOf(run).workers) {
      expect(segments).toBe(12)
      expect(paidWei).toBeGreaterThan(0n)
      expect(slashedWei).toBe(0n)
    }
  })

  test('has its segments committed, attested by all drawn validators, and matured', async () => {
    const seen = await until('segments are mature', ledger, isRipe)
    for (let index = 0; index < workers; index += 1) expect(idsOf(seen, index).length).toBe(12)
    const seats = Array.from({ length: validators }, (_, seat) => seat)
    const sorted = (found: readonly number[]) => found.toSorted((a, b) => a - b)
    expect(sorted(seen.attesters)).toEqual(seats)
    expect(sorted(seen.attested.map(({ seat }) => seat))).toEqual(seats)
    const matured = seen.matured.map(({ segmentId }) => segmentId)
    const wanted = honest.flatMap((index) => idsOf(seen, index))
    expect(matured.toSorted()).toEqual(wanted.toSorted())
  })

  test('has nobody attest a worker whose commitments are not its transcript', async () => {
    const summary = summaryOf(run)
    const place = summary.workers.findIndex(({ address }) => address === ownerOf(liar))
    const { attested } = await ledger()
    for (const { workers: mask } of attested) expect((mask >> place) & 1).toBe(0)
  })

  test('ends with the units in the urn, as everybody can read', async () => {
    const { matured } = await ledger()
    const sum = matured.reduce((total, { units }) => total + units, 0)
    expect(sum).toBeGreaterThan(8)
    const text = readFileSync(join(world.dataDir, 'network.json'), 'utf8')
    const reader = createReader(accessOf(networkSchema.parse(JSON.parse(text))))
    const urn = await reader.read<readonly bigint[]>('WorkLedger', 'urn')
    expect(Number(urn[2])).toBe(sum)
    const units: number[] = []
    for (let index = 0; index < workers; index += 1) {
      const args = ['worker', 'status', '--owner', `dev:${devRoles.workerOwner(index)}`]
      const { lines } = await quern(args, { dataDir: world.dataDir })
      expect(lines.at(-1)).toMatchObject({ segments: 12 })
      expect(lines.at(-1)!['seat']).toBeGreaterThanOrEqual(128)
      units.push(lines.at(-1)!['units'] as number)
    }
    expect(units[liar]).toBe(0)
    expect(units.reduce((a, b) => a + b, 0)).toBe(sum)
  })
})
