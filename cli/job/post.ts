import { AppError } from '#base/error.ts'
import type { Terms } from '#chain/client/terms.ts'
import type { PreparedJob } from '#compute/data/prepare.ts'
import type { JobSpec } from '#wire/job.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Client } from '../compose-client.ts'
import type { Context } from '../context.ts'
import { checkFunds, sendJob } from './escrow.ts'
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

/** Pins, checks, asks, and posts. The client must stay reachable until the workers have fetched the rows. */
export async function postJob(
  context: Context,
  client: Client,
  input: PostInput,
): Promise<PostedJob> {
  const { artifacts, reader, transactor } = client
  const { prepared, metering, offer } = input
  const nonce = BigInt(context.clock.nowMs()) * 1000n + BigInt(context.rng.below(1000))
  const pin = `post:${nonce}`
  const { engineId, flopsPerStep } = metering
  const published = await publishSpec(
    { artifacts, reader, randomBytes: context.randomBytes },
    prepared,
    {
      name: input.name,
      engineId,
      owner: pin,
    },
  )
  const { spec, specDigest, slateVersion } = published
  const facts = {
    client: transactor.address,
    nonce,
    token: client.access.contracts.TrainToken,
    engineId,
    specDigest,
    slateVersion,
    train: prepared.train,
    flopsPerStep,
  }
  const terms = termsOf(facts, offer)
  await checkFunds(transactor, terms)
  if (!(await input.confirm(describeJob(input, terms)))) {
    await artifacts.unpinOwner(pin)
    throw new AppError({ code: 'DECLINED', message: 'nothing was posted' })
  }
  const { jobId, sent } = await sendJob(transactor, client.access, terms)
  const { hash, blockNumber } = sent
  context.output.print({ event: 'posted', jobId, transaction: hash, block: blockNumber, terms })
  return { jobId, spec, terms }
}

function describeJob(input: PostInput, terms: Terms): readonly string[] {
  const { prepared, metering, offer } = input
  const { summary, train, metric } = prepared
  const teraflops = Number(flopsOf(train, metering.flopsPerStep, offer.workers)) / 1e12
  const { model, optimizer, rounds, localSteps, batchSize } = train
  return [
    `job           ${input.name}: ${prepared.task} "${summary.target}", judged by ${metric}`,
    `rows          ${summary.trainRows} to train on, ${summary.heldOutRows} held out and sealed to the evaluators`,
    `model         ${model.kind} ${sizesOf(model)}, ${metering.parameterCount} parameters, ${optimizer.kind} at ${optimizer.learningRate}`,
    `work          ${rounds} rounds of ${localSteps} steps of ${batchSize} rows by each of ${offer.workers} workers: ${teraflops.toFixed(3)} TFLOP`,
    `price         ${weiToTrain(terms.rewardWei)} TRAIN: 90 % workers, 5 % evaluators, 5 % burned`,
    `escrow        ${weiToTrain(escrowOf(terms))} TRAIN with the audit deposit; its unused part comes back`,
    `deadlines     ${terms.volunteerSeconds} s to volunteer, ${terms.runSeconds} s to train, then audit and payment`,
    ...summary.notes.map((note) => `note          ${note}`),
  ]
}

function sizesOf(model: PreparedJob['train']['model']): string {
  if (model.kind === 'mlp') return model.hidden.join('-')
  if (model.kind === 'cnn') return [...model.channels, ...model.dense].join('-')
  return ''
}
