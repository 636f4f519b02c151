import { keyPoint, signaturePoint } from '#base/crypto/bls/points.ts'
import type { Scheme } from '#base/crypto/bls/scheme.ts'
import type { Clock } from '#base/clock.ts'
import type { Hex } from '#base/hex.ts'
import { codeOf } from '#base/error.ts'
import type { Logger } from '#base/log.ts'
import type { Conviction } from '#chain/core/consensus/conviction.ts'
import { zeroHash } from '#chain/core/header.ts'
import type { Transactor } from './transactor.ts'

const kinds = { proposal: 0, notarize: 1, nullify: 2, finalize: 3 } as const
const triesMax = 5
const pauseMs = 5_000

/** The arguments of `ValidatorSet.convict`. */
export function convictArgs(
  scheme: Pick<Scheme, 'aggregate'>,
  { guilty, first, second, signatures }: Conviction,
): readonly unknown[] {
  const sum = scheme.aggregate(signatures)
  const statements = [first, second].map(statementOf)
  return [BigInt(guilty.seat), ...statements, keyPoint(guilty.blsKey), signaturePoint(sum)]
}

function statementOf(said: Conviction['first']) {
  const isProposal = said.kind === 'proposal'
  return {
    kind: kinds[said.kind],
    epoch: BigInt(said.epoch),
    consensusView: BigInt(said.view),
    parentView: isProposal ? BigInt(said.parentView) : 0n,
    root: (isProposal ? said.root : said.block) ?? zeroHash,
  }
}

export interface ConvictingDeps {
  /** The way of the account that reports, and gets the reward. */
  readonly transactor: Transactor
  readonly scheme: Pick<Scheme, 'aggregate'>
  readonly clock: Clock
  readonly log: Logger
  readonly signal: AbortSignal
}

/** Brings evidence to the contract. */
export interface Convicting {
  /**
   * `rank` sets how long it leaves the first word to others: whoever comes second pays for nothing. True once
   * the contract has heard it, from whomever; false where it should be tried again later.
   */
  report(conviction: Conviction, rank: number): Promise<boolean>
}

/** What came of one try. */
type Outcome = 'heard' | 'failed' | 'poor'

/** Creates the reporter of one account. */
export function createConvicting(deps: ConvictingDeps): Convicting {
  const { transactor, scheme, clock, log, signal } = deps
  const reporting = new Set<Hex>()

  async function send(conviction: Conviction): Promise<Outcome> {
    const { seat } = conviction.guilty
    try {
      if ((await transactor.balance()) === 0n) {
        log.warn({ seat }, 'no coin to convict a validator with')
        return 'poor'
      }
      const { hash } = await transactor.send(
        'ValidatorSet',
        'convict',
        convictArgs(scheme, conviction),
      )
      log.info({ seat, hash }, 'convicted a validator of two faces')
      return 'heard'
    } catch (error) {
      const code = codeOf(error)
      const isOver = code === 'REVERTED' || code === 'CONTRACT_MISSING' // convicted already, or without a seat
      log.info({ seat, code, error: String(error) }, 'a conviction was not taken')
      return isOver ? 'heard' : 'failed'
    }
  }

  async function tryAll(conviction: Conviction, rank: number): Promise<boolean> {
    for (let tries = 0; tries < triesMax; tries += 1) {
      await clock.sleep(tries === 0 ? rank * pauseMs : pauseMs, signal)
      const outcome = await send(conviction)
      if (outcome !== 'failed') return outcome === 'heard'
    }
    return false
  }

  return {
    async report(conviction, rank) {
      const { blsKey } = conviction.guilty
      if (reporting.has(blsKey)) return false
      reporting.add(blsKey)
      return tryAll(conviction, rank).finally(() => reporting.delete(blsKey))
    },
  }
}
