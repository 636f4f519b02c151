import { describe, expect, test } from 'vitest'
import { fromHex, toHex } from '#base/hex.ts'
import { createRng } from '#base/rng.ts'
import { createChainCommon } from '#chain/exec/embedded/chain-common.ts'
import { loadCrypto } from '#chain/exec/embedded/crypto.ts'
import { createMachine } from '#chain/exec/embedded/machine.ts'
import { flows } from '#test/contracts/flows.ts'
import { createMarket } from '#test/contracts/market.ts'
import {
  type Recorded,
  type Variant,
  createRecordedState,
  recordedOf,
  runRecorded,
} from './recorded-replay.ts'

const crypto = await loadCrypto()
const common = createChainCommon(31_337, crypto)
const own = await createMachine(common, crypto)
const stock = await createMachine(common, crypto, { kind: 'stock' })

/** The transaction with too little gas, and with another byte in its input. */
function variantsOf({ transaction }: Recorded, seed: number): readonly Variant[] {
  const rng = createRng(seed)
  const input = fromHex(transaction.input)
  if (input.length > 0) {
    const at = rng.below(input.length)
    input[at] = (input[at] ?? 0) ^ (1 + rng.below(255))
  }
  return [{ gasShare: BigInt(rng.below(1_000)) }, { input: toHex(input) }]
}

describe('the loop of our own', () => {
  test.each(Object.keys(flows) as (keyof typeof flows)[])(
    'runs the transactions of "%s" as the package and as another client do',
    async (name) => {
      const market = await createMarket({ workers: 3, evaluators: 3 })
      await flows[name](market)
      const recorded = await recordedOf(market.reader)
      expect(recorded.length).toBeGreaterThan(40)
      const hashes = new Map(
        recorded.map(({ block }) => [Number(block.number) - 1, fromHex(block.parentHash)]),
      )
      const hashOf = (number: number) => hashes.get(number)
      const state = createRecordedState(
        own,
        recorded.map(({ transaction }) => transaction.from),
      )
      const counts = { failed: 0, compared: 0 }
      for (const [i, one] of recorded.entries()) {
        for (const variant of variantsOf(one, i)) {
          const place = { state, hashOf, variant }
          const ours = await runRecorded(own, one, place)
          const theirs = await runRecorded(stock, one, place)
          expect(ours.seen, `${name} ${i} ${Object.keys(variant).join()}`).toEqual(theirs.seen)
          counts.compared += 1
          if (ours.seen.error !== undefined) counts.failed += 1
        }
        const ours = await runRecorded(own, one, { state, hashOf })
        const theirs = await runRecorded(stock, one, { state, hashOf })
        expect(ours.seen, `${name} ${i}`).toEqual(theirs.seen)
        const { gasUsed, logs, error } = ours.seen
        expect({ gasUsed, logs, hasSucceeded: error === undefined }).toEqual({
          gasUsed: one.gasUsed,
          logs: one.logs.map((log) => log.toLowerCase()),
          hasSucceeded: one.hasSucceeded,
        })
        state.keep(ours.changes, ours.stateRoot)
      }
      expect(counts.failed).toBeGreaterThan(recorded.length)
    },
    180_000,
  )
})
