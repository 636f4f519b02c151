import { z } from 'zod'
import { type Hex, fromHex } from '#base/hex.ts'
import type { Logger } from '#base/log.ts'
import { signedStatementSchema } from '#chain/core/consensus/codec.ts'
import { type Conviction, convictionOf } from '#chain/core/consensus/conviction.ts'
import { type Evidence, evidenceOf } from '#chain/core/consensus/evidence.ts'
import type { ValidatorSet } from '#chain/core/consensus/validators.ts'
import type { KeyValueStore } from '#store/kv.ts'
import { createTable } from '#store/table.ts'
import { canonicalBytes, parseJson } from '#wire/canonical.ts'

/**
 * Called where somebody can be convicted; `rank` is 0 for the validator who should report first. Resolves true
 * once there is nothing left to report: the contract has heard it, from whomever.
 */
export type OnConviction = (conviction: Conviction, rank: number) => Promise<boolean>

export interface AccusingDeps {
  readonly store: KeyValueStore
  readonly logger: Logger
}

export interface AccusingOptions {
  /** The present set. */
  readonly set: () => ValidatorSet
  readonly setOf: (epoch: number) => ValidatorSet | undefined
  /** This node's index in the present set, where it votes: others leave reporting to validators. */
  readonly self: () => number | undefined
  readonly onConviction?: OnConviction | undefined
}

/** Evidence, kept on the disk until the contract has heard it: one pair for each key. */
export interface Accusing {
  /** True where it convicts somebody. */
  accuse(evidence: Evidence): boolean
  /** Reports what is still unheard: at the start, and when an epoch begins. */
  resume(): void
}

const prefix = 0x79
const pairSchema = z.tuple([signedStatementSchema, signedStatementSchema])

/** Opens the evidence that a node keeps. */
export async function openAccusing(
  { store, logger }: AccusingDeps,
  { set, setOf, self, onConviction }: AccusingOptions,
): Promise<Accusing> {
  const table = createTable<Hex, Evidence | undefined>(store, {
    prefix,
    key: fromHex,
    encode: (evidence) => canonicalBytes([evidence?.first, evidence?.second]),
    decode: (bytes) => evidenceOf(...pairSchema.parse(parseJson(bytes))),
  })
  const unheard = new Map<Hex, Conviction>()
  const known = new Set<Hex>() // of whom nothing new is to be told in this run
  for await (const evidence of table.values('0x', undefined)) {
    const conviction = evidence && judge(evidence)
    if (conviction !== undefined) remember(conviction)
  }

  function remember(conviction: Conviction): void {
    known.add(conviction.guilty.blsKey)
    unheard.set(conviction.guilty.blsKey, conviction)
  }

  function judge(evidence: Evidence): Conviction | undefined {
    const signers = setOf(evidence.first.epoch)
    return signers && convictionOf(evidence, signers)
  }

  async function report(conviction: Conviction): Promise<void> {
    const index = self()
    if (index === undefined || onConviction === undefined) return
    const { guilty } = conviction
    const { length } = set().validators
    const rank = (((index - guilty.index - 1) % length) + length) % length
    if (!(await onConviction(conviction, rank))) return
    unheard.delete(guilty.blsKey)
    await store.batch([table.delete(guilty.blsKey)])
  }

  const start = (conviction: Conviction) =>
    void report(conviction).catch((error: unknown) => {
      logger.warn({ error: String(error) }, 'evidence stays unheard')
    })

  async function keep(evidence: Evidence, conviction: Conviction): Promise<void> {
    await store.batch([table.put(conviction.guilty.blsKey, evidence)], { sync: true })
    start(conviction)
  }

  return {
    accuse(evidence) {
      const conviction = judge(evidence)
      const isKnown = conviction !== undefined && known.has(conviction.guilty.blsKey)
      if (!isKnown) logger.error({ ...evidence }, 'a validator is provably guilty')
      if (conviction === undefined) return false
      if (isKnown) return true
      remember(conviction)
      keep(evidence, conviction).catch((error: unknown) => {
        logger.warn({ error: String(error) }, 'evidence was not kept')
        start(conviction)
      })
      return true
    },
    resume() {
      for (const conviction of unheard.values()) start(conviction)
    },
  }
}
