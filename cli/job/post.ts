import { AppError } from '#base/error.ts'
import { type Terms, jobIdOf } from '#chain/client/terms.ts'
import type { PreparedJob } from '#compute/data/prepared.ts'
import type { JobSpec } from '#wire/job.ts'
import type { Consent } from '#wire/consent.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Client } from '../compose-client.ts'
import type { Context } from '../context.ts'
import { approveEscrow, checkFunds, sendJob } from './escrow.ts'
import { askWorkers, describeConsents, renewConsents } from './hire.ts'
import { publishSpec } from './publish.ts'
import { type Offer, escrowOf, flopsOf, termsOf, weiToTrain } from './terms.ts'

/** What the engine says of a specification. */
export interface Metering {
  readonly engineId: Hex
  readonly flopsPerStep: number
  readonly parameterCount: number
}

export interface PostInput {
  readonly name: string
  readonly prepared: PreparedJob
  readonly metering: Metering
  readonly offer: Offer
  /** Asks the client before anything is signed; false ends with DECLINED. */
  readonly confirm: (lines: readonly string[]) => Promise<boolean>
}

export interface PostedJob {
  readonly jobId: Hex
  readonly spec: JobSpec
  readonly terms: Terms
}

/** Pins, checks, asks workers and client, and posts. The client must stay reachable until the workers have fetched the rows. */
export async function postJob(
  context: Context,
  client: Client,
  input: PostInput,
): Promise<PostedJob> {
  const nonce = BigInt(context.clock.nowMs()) * 1000n + BigInt(context.rng.below(1000))
  const pin = `post:${nonce}`
  const draft = await draftJob(context, client, { input, nonce, pin }).catch(async (error) => {
    await client.artifacts.unpinOwner(pin) // no transaction names these files
    throw error
  })
  const { spec, terms, consents } = draft
  await approveEscrow(client.transactor, client.access, terms)
  const { hash, blockNumber } = await sendJob(client.transactor, terms, consents)
  const { chainId, contracts } = client.access
  const jobId = jobIdOf(terms, { chainId, jobManager: contracts.JobManager })
  context.output.print({ event: 'posted', jobId, transaction: hash, block: blockNumber, terms })
  return { jobId, spec, terms }
}

/** All that is decided before the first signature of the client. Throws DECLINED, BALANCE_TOO_LOW, CONSENT_MISSING. */
async function draftJob(
  context: Context,
  client: Client,
  draft: { input: PostInput; nonce: bigint; pin: string },
): Promise<{ spec: JobSpec; terms: Terms; consents: readonly Consent[] }> {
  const { input, nonce, pin } = draft
  const { artifacts, reader, transactor } = client
  const { prepared, metering, offer } = input
  const { engineId, flopsPerStep } = metering
  const { spec, specDigest, slateVersion } = await publishSpec(
    { artifacts, reader, randomBytes: context.randomBytes },
    prepared,
    { name: input.name, engineId, owner: pin },
  )
  const facts = {
    client: transactor.address,
    nonce,
    engineId,
    specDigest,
    slateVersion,
    train: prepared.train,
    flopsPerStep,
  }
  const terms = termsOf(facts, offer)
  await checkFunds(transactor, terms)
  const consents = await askWorkers(context, client, { terms, offer })
  const lines = [...describeJob(input, terms), ...describeConsents(terms, consents)]
  if (!(await input.confirm(lines))) {
    throw new AppError({ code: 'DECLINED', message: 'nothing was posted' })
  }
  const renewed = await renewConsents(context, client, { terms, offer, consents })
  return { spec, terms, consents: renewed }
}

function describeJob(input: PostInput, terms: Terms): readonly string[] {
  const { prepared, metering, offer } = input
  const { summary, train, metric } = prepared
  const teraflops = Number(flopsOf(train, metering.flopsPerStep, offer.workers)) / 1e12
  const isOpen = offer.match === 'volunteer'
  const volunteering = isOpen ? `${terms.volunteerSeconds} s to volunteer, ` : ''
  const { model, optimizer, rounds, localSteps, batchSize } = train
  return [
    `job           ${input.name}: ${prepared.task} "${summary.target}", judged by ${metric}`,
    `rows          ${summary.trainRows} to train on, ${summary.heldOutRows} held out and sealed to the evaluators`,
    `model         ${model.kind} ${sizesOf(model)}, ${metering.parameterCount} parameters, ${optimizer.kind} at ${optimizer.learningRate}`,
    `work          ${rounds} rounds of ${localSteps} steps of ${batchSize} rows by each of ${offer.workers} workers: ${teraflops.toFixed(3)} TFLOP`,
    `price         ${weiToTrain(terms.rewardWei)} TRAIN: 90 % workers, 5 % evaluators, 5 % burned`,
    `escrow        ${weiToTrain(escrowOf(terms))} TRAIN with the audit deposit; its unused part comes back`,
    `deadlines     ${volunteering}${terms.runSeconds} s to train, then audit and payment`,
    ...summary.notes.map((note) => `note          ${note}`),
  ]
}

function sizesOf(model: PreparedJob['train']['model']): string {
  if (model.kind === 'mlp') return model.hidden.join('-')
  if (model.kind === 'cnn') return [...model.channels, ...model.dense].join('-')
  if (model.kind === 'embeddingBag') return `${model.vocabulary} words of ${model.width}`
  if (model.kind === 'transformer') return `${model.layers} layers of ${model.width}`
  return model.kind === 'graph' ? `of ${model.nodes.length} nodes` : ''
}
