import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { type Figures, type Flow, flows } from './flows.ts'
import { type Market, createMarket } from './market.ts'

const directory = new URL('../gas/', import.meta.url)

/** Committed figures hold within 1 %; QUERN_GAS_WRITE=1 writes them anew. */
function compare(name: string, measured: Figures): void {
  const file = new URL(`${name}.json`, directory)
  if (process.env.QUERN_GAS_WRITE === '1') {
    writeFileSync(file, `${JSON.stringify(measured, null, 2)}\n`)
  }
  assert.ok(existsSync(file), `${name}.json is missing`)
  const committed = JSON.parse(readFileSync(file, 'utf8')) as Figures
  assert.deepEqual(Object.keys(measured), Object.keys(committed))
  for (const [step, gas] of Object.entries(measured)) {
    const before = committed[step] ?? 0
    assert.ok(
      Math.abs(gas - before) <= before * 0.01,
      `${name} ${step}: ${gas}, committed ${before}`,
    )
  }
}

/** Runs a job of the kind once before, so that no account is touched for the first time. */
async function warmed(market: Market, run: Flow): Promise<Figures> {
  await run(market)
  return run(market)
}

async function committed(name: keyof typeof flows): Promise<void> {
  const market = await createMarket({ workers: 3, evaluators: 3 })
  compare(name, await warmed(market, flows[name]))
}

function unitFigures(): Figures {
  return JSON.parse(readFileSync(new URL('units.json', directory), 'utf8')) as Figures
}

const gates = { cooperative: 300_000, allDirect: 650_000 }

describe('gas of a job with 3 workers and 2 evaluators, receipts with calldata', () => {
  it('cooperative: open, commit results, settle', () => committed('cooperative'))
  it('everyone sends its own transactions', () => committed('all-direct'))
  it('volunteers and lots, everyone sends its own', () => committed('volunteers'))
  it('a round without a certificate', () => committed('close-round'))
  it('units of work, beside the job', () => committed('units'))
  it('units of work: at most 45000 gas to commit and attest a segment, in batches of three workers', () => {
    const { 'commitSegments of 16': commit = 0, ...rest } = unitFigures()
    const { 'mature of 16': mature = 0, total = 0 } = rest
    const attestation = total - mature - commit
    const each = (3 * commit + attestation) / 48
    assert.ok(each <= 45_000, `${each} gas`)
  })
  for (const [name, gate] of Object.entries(gates)) {
    const file = name === 'cooperative' ? 'cooperative' : 'all-direct'
    const { total = 0 } = JSON.parse(
      readFileSync(new URL(`${file}.json`, directory), 'utf8'),
    ) as Figures
    it(`${name}: at most ${gate} gas`, () => {
      assert.ok(total <= gate, `${total} gas`)
    })
  }
})
