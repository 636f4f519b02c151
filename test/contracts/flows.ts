import { type Actor, type Market, cleanVerdict } from './market.ts'
import { seatLeaders, segmentsOf } from './units.ts'

/** Gas by step. */
export type Figures = Record<string, number>
/** A job's whole way through the contracts, with the gas of each of its transactions. */
export type Flow = (market: Market) => Promise<Figures>

const heldOutKey = `0x${'5a'.repeat(32)}`

function withTotal(figures: Figures): Figures & { total: number } {
  return { ...figures, total: Object.values(figures).reduce((sum, gas) => sum + gas, 0) }
}

async function cooperative(market: Market): Promise<Figures> {
  const { call, workers, client } = market
  const terms = await market.newTerms(1)
  const consents = await Promise.all(workers.map((worker) => market.consentOf(terms, worker)))
  const open = await call(client, 'JobManager', 'openJob', [terms, consents])
  const results = await Promise.all(workers.map((worker) => market.signedResultOf(terms, worker)))
  const { modelHash, modelCidDigest } = market.resultOf(workers[0]!)
  const submit = await call(client, 'JobManager', 'submitResults', [
    market.idOf(terms),
    modelHash,
    modelCidDigest,
    results,
  ])
  await market.pass(3)
  const drawn = market.actorsOf(await market.read('JobManager', 'previewEvaluators', [terms]))
  const verdict = cleanVerdict()
  const openings = await Promise.all(drawn.map((actor) => market.openingOf(terms, actor, verdict)))
  const settle = await call(client, 'JobManager', 'settleJob', [
    terms,
    verdict,
    heldOutKey,
    openings,
  ])
  return withTotal({
    openJob: Number(open),
    submitResults: Number(submit),
    settleJob: Number(settle),
  })
}

type JobTerms = Awaited<ReturnType<Market['newTerms']>>

async function attestDirectly(market: Market, terms: JobTerms) {
  const { call } = market
  const figures: Figures = {}
  const drawer = market.evaluators[0]!.operator
  figures.drawEvaluators = Number(await call(drawer, 'JobManager', 'drawEvaluators', [terms]))
  const { evaluators } = await market.read<{ evaluators: string[] }>('JobManager', 'jobState', [
    market.idOf(terms),
  ])
  const drawn = market.actorsOf(evaluators)
  const verdict = cleanVerdict()
  for (const [i, actor] of drawn.entries()) {
    const commitment = market.commitmentOf(terms, actor, verdict)
    const gas = await call(actor.operator, 'JobManager', 'commitVerdict', [terms, commitment])
    figures[`commitVerdict ${i}`] = Number(gas)
  }
  for (const [i, actor] of drawn.entries()) {
    const args = [terms, verdict, market.saltOf(actor), heldOutKey]
    const gas = await call(actor.operator, 'JobManager', 'revealVerdict', args)
    figures[`revealVerdict ${i}`] = Number(gas)
  }
  const pay = await call(drawer, 'JobManager', 'distributePayment', [terms, verdict])
  figures.distributePayment = Number(pay)
  return figures
}

/** Each worker's result, in a transaction of its own; then the evaluators' seed is there. */
async function submitDirectly(market: Market, terms: JobTerms): Promise<Figures> {
  const figures: Figures = {}
  for (const [i, worker] of market.workers.entries()) {
    const args = [terms, market.resultOf(worker)]
    const gas = await market.call(worker.operator, 'JobManager', 'submitResult', args)
    figures[`submitResult ${i}`] = Number(gas)
  }
  await market.pass(3)
  return figures
}

async function allDirect(market: Market): Promise<Figures> {
  const { call, workers, client } = market
  const terms = await market.newTerms(2)
  const consents = await Promise.all(workers.map((worker) => market.consentOf(terms, worker)))
  const figures: Figures = {}
  figures.openJob = Number(await call(client, 'JobManager', 'openJob', [terms, consents]))
  const submitted = await submitDirectly(market, terms)
  return withTotal({ ...figures, ...submitted, ...(await attestDirectly(market, terms)) })
}

async function volunteers(market: Market): Promise<Figures> {
  const { call, workers, client } = market
  const terms = await market.newTerms(0)
  const figures: Figures = {}
  figures.postJob = Number(await call(client, 'JobManager', 'postJob', [terms]))
  for (const [i, worker] of workers.entries()) {
    figures[`volunteer ${i}`] = Number(
      await call(worker.operator, 'JobManager', 'volunteer', [terms]),
    )
  }
  await market.pass(33)
  figures.assignWorkers = Number(await call(client, 'JobManager', 'assignWorkers', [terms, []]))
  const submitted = await submitDirectly(market, terms)
  return withTotal({ ...figures, ...submitted, ...(await attestDirectly(market, terms)) })
}

/** Rounds without a certificate: the first call opens with its own update, others present, a last one closes. */
async function closeRound(market: Market): Promise<Figures> {
  const { call, workers, client } = market
  const terms = await market.newTerms(2)
  const consents = await Promise.all(workers.map((worker) => market.consentOf(terms, worker)))
  await call(client, 'JobManager', 'openJob', [terms, consents])
  const [first, second] = workers as [Actor, Actor, Actor]
  const close = async (actor: Actor, updates: readonly unknown[]) =>
    Number(await call(actor.operator, 'JobManager', 'closeRound', [terms, 0, updates]))
  const open = await close(first, [await market.roundUpdateOf(terms, first, 0)])
  const present = await close(second, [await market.roundUpdateOf(terms, second, 0)])
  await market.pass(62)
  return withTotal({ open, present, close: await close(second, []) })
}

/** Units of work beside a job: sixteen segments of each of two workers, five drawn validators. */
async function units(market: Market): Promise<Figures> {
  const { call, workers } = market
  const [first, second] = workers as [Actor, Actor, Actor]
  const terms = await market.newTerms(2)
  const jobId = market.idOf(terms)
  const validators = await seatLeaders(market, [first, second])
  const consents = await Promise.all(workers.map((worker) => market.consentOf(terms, worker)))
  await call(market.client, 'JobManager', 'openJob', [terms, consents])
  const commit = async ({ operator }: Actor) =>
    Number(await call(operator, 'WorkLedger', 'commitSegments', [terms, segmentsOf(16)]))
  const figures: Figures = {}
  figures['commitSegments of 16'] = await commit(first)
  await commit(second)
  for (const worker of workers) {
    await call(worker.operator, 'JobManager', 'submitResult', [terms, market.resultOf(worker)])
  }
  await market.pass(3)
  await attestDirectly(market, terms)
  const ledger = async (name: string, args: readonly unknown[], from = first.operator) =>
    Number(await call(from, 'WorkLedger', name, args))
  figures.requestAttestation = await ledger('requestAttestation', [terms])
  await market.pass(3)
  figures.drawAttesters = await ledger('drawAttesters', [jobId])
  for (const [i, validator] of validators.entries()) {
    figures[`attest ${i}`] = await ledger('attest', [jobId, 3], validator)
  }
  figures['mature of 16'] = await ledger('mature', [terms, 0, segmentsOf(16)])
  return withTotal(figures)
}

/** The ways that a job can go. */
export const flows = {
  cooperative,
  'all-direct': allDirect,
  volunteers,
  'close-round': closeRound,
  units,
} as const satisfies Record<string, Flow>
