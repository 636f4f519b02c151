import type { Verdict } from '#chain/client/view.ts'
import { type Actor, type Market, cleanVerdict, createMarket } from '#test/contracts/market.ts'
import type { Hex } from '#wire/primitives.ts'

/** What a case cost and who paid whom, in wei; a loss is negative. */
export interface Paid {
  readonly blocks: number
  readonly gas: bigint
  readonly moved: readonly { readonly who: string; readonly wei: bigint }[]
}

export type Court = Awaited<ReturnType<typeof openCourt>>

const workers = 3
const gwei = 1_000_000_000n
const heldOutKey = `0x${'5a'.repeat(32)}`

/** The contracts, with workers and evaluators that have stakes: what a verdict costs is read from them. */
export async function openCourt() {
  const market = await createMarket({ workers, evaluators: 6 })
  return {
    /** All evaluators that are drawn give this verdict. */
    punish: (verdict: Verdict) => undone(market, () => attest(market, () => verdict)),
    /** The first of the panel calls everything right; the others give this verdict. */
    punishLazy: (verdict: Verdict) =>
      undone(market, () => attest(market, (place) => (place === 0 ? cleanVerdict() : verdict))),
  }
}

/** Every case begins with the same balances. */
async function undone<T>({ machine }: Market, play: () => Promise<T>): Promise<T> {
  const id = await machine.snapshot()
  try {
    return await play()
  } finally {
    await machine.revert({ id })
  }
}

/** Opens a job, and has drawn evaluators judge it until something is decided. */
async function attest(market: Market, verdictOf: (place: number) => Verdict): Promise<Paid> {
  const { call, client } = market
  const terms = await market.newTerms(1)
  const consents = await Promise.all(market.workers.map((actor) => market.consentOf(terms, actor)))
  await call(client, 'JobManager', 'openJob', [terms, consents])
  const results = await Promise.all(
    market.workers.map((actor) => market.signedResultOf(terms, actor)),
  )
  const { modelHash, modelCidDigest } = market.resultOf(market.workers[0] as Actor)
  const submitted = [market.idOf(terms), modelHash, modelCidDigest, results]
  await call(client, 'JobManager', 'submitResults', submitted)
  const before = await balancesOf(market)
  const from = await market.blockNumber()
  let gas = 0n
  const state = () =>
    market.read<{ evaluators: Hex[]; attempt: number; status: number }>('JobManager', 'jobState', [
      market.idOf(terms),
    ])
  const { status: submittedStatus } = await state()
  for (
    let judged = 0;
    judged < panelsMax && (await state()).status === submittedStatus;
    judged += 1
  ) {
    await market.pass(3)
    const known = judged === 0 ? 0 : (await state()).evaluators.length
    const drawer = market.evaluators[0] as Actor
    gas += await call(drawer.operator, 'JobManager', 'drawEvaluators', [terms])
    const { status: attestingStatus } = await state()
    const panel = market.actorsOf((await state()).evaluators).slice(known)
    for (const [i, actor] of panel.entries()) {
      const commitment = market.commitmentOf(terms, actor, verdictOf(known + i))
      gas += await call(actor.operator, 'JobManager', 'commitVerdict', [terms, commitment])
    }
    for (const [i, actor] of panel.entries()) {
      const args = [terms, verdictOf(known + i), market.saltOf(actor), heldOutKey]
      gas += await call(actor.operator, 'JobManager', 'revealVerdict', args)
    }
    if (judged === 0 || (await state()).status !== attestingStatus) continue
    const name = verdictOf(1).guiltyMask === 0 ? 'completeJob' : 'slash'
    gas += await call(drawer.operator, 'JobManager', name, [terms, verdictOf(1)])
  }
  const after = await balancesOf(market)
  const moved = after.flatMap(({ who, wei }, i) => {
    const change = wei - (before[i]?.wei ?? 0n)
    return change === 0n ? [] : [{ who, wei: change }]
  })
  return { blocks: Number((await market.blockNumber()) - from), gas, moved }
}

const panelsMax = 2

/** What everybody has in the staking contract, and what is burned. */
async function balancesOf(market: Market): Promise<Paid['moved']> {
  const named = [
    { who: 'client', owner: market.client.address },
    ...market.workers.map(({ owner }, i) => ({ who: `worker ${i}`, owner: owner.address })),
    ...market.evaluators.map(({ owner }, i) => ({ who: `evaluator ${i}`, owner: owner.address })),
  ]
  const accounts = named.map(async ({ who, owner }) => {
    const account = await market.read<{
      activeGwei: bigint
      lockedGwei: bigint
      earningsGwei: bigint
    }>('Staking', 'accountOf', [owner])
    const { activeGwei, earningsGwei } = account
    return { who, wei: (activeGwei + earningsGwei) * gwei }
  })
  const [, burnedWei] = await market.read<readonly [bigint, bigint]>('Staking', 'held')
  return [...(await Promise.all(accounts)), { who: 'burned', wei: burnedWei }]
}
