import type { JobView } from '#chain/client/view.ts'
import { cidOfDigest, codecs } from '#wire/cid.ts'
import type { JobSpec } from '#wire/job.ts'
import type { Hex } from '#wire/primitives.ts'
import { escrowOf } from './terms.ts'

interface Earner {
  readonly address: Hex
  readonly paidWei: bigint
  readonly slashedWei: bigint
}

/** How a job ended: the last line of `quern demo --json` and of `quern job watch --json`. */
export interface Summary {
  readonly event: 'summary'
  readonly phase: JobView['phase']
  readonly metric: { readonly name: JobSpec['metric']; readonly value: number | null }
  readonly jobId: Hex
  readonly modelCid: string | null
  readonly modelHash: Hex | null
  /** The block in which evaluators agreed on it. */
  readonly modelBlock: number | null
  readonly attempts: number
  readonly workers: readonly (Earner & { readonly segments: number })[]
  readonly evaluators: readonly Earner[]
  readonly escrowWei: bigint
  /** What came back to the client, its share of slashed stake included. */
  readonly refundedWei: bigint
  readonly burnedWei: bigint
  /** Payouts, refunds and burn equal escrow and slashed stake, to the wei. */
  readonly isBalanced: boolean
}

const segmentBits = 16n

/** Reads the ending of a job off its view. */
export function summaryOf(view: JobView, spec: JobSpec): Summary {
  const { verdict, completedBlock } = view
  const escrowWei = escrowOf(view.terms)
  const paidWei = sum(view.payouts.map(({ amountWei }) => amountWei))
  const slashedWei = sum(view.slashes.map(({ amountWei }) => amountWei))
  return {
    event: 'summary',
    phase: view.phase,
    metric: { name: spec.metric, value: verdict ? Number(verdict.metricMicros) / 1e6 : null },
    jobId: view.jobId,
    modelCid: view.modelCidDigest ? cidOfDigest(view.modelCidDigest, codecs.dagPb) : null,
    modelHash: verdict?.modelHash ?? null,
    modelBlock: completedBlock === undefined ? null : Number(completedBlock),
    attempts: view.attempt + 1,
    workers: view.workers.map((address, i) => ({
      ...earnerOf(view, address),
      segments: Number(((verdict?.segments ?? 0n) >> (BigInt(i) * segmentBits)) & 0xffffn),
    })),
    evaluators: evaluatorsOf(view).map((address) => earnerOf(view, address)),
    escrowWei,
    refundedWei: view.refundedWei + earnerOf(view, view.client).paidWei,
    burnedWei: view.burnedWei,
    isBalanced: paidWei + view.refundedWei + view.burnedWei === escrowWei + slashedWei,
  }
}

function evaluatorsOf(view: JobView): readonly Hex[] {
  const paid = view.payouts.map(({ account }) => account)
  const known = [...view.evaluators, ...view.revealed.map(({ evaluator }) => evaluator)]
  const others = paid.filter(
    (account) => !view.workers.includes(account) && account !== view.client,
  )
  return [...new Set([...known, ...others])]
}

function earnerOf(view: JobView, address: Hex): Earner {
  const isHers = ({ account }: { account: Hex }) => account === address
  return {
    address,
    paidWei: sum(view.payouts.filter(isHers).map(({ amountWei }) => amountWei)),
    slashedWei: sum(view.slashes.filter(isHers).map(({ amountWei }) => amountWei)),
  }
}

function sum(amounts: readonly bigint[]): bigint {
  return amounts.reduce((total, amount) => total + amount, 0n)
}
