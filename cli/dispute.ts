import type { Command } from 'commander'
import { AppError } from '#base/error.ts'
import { noopLogger } from '#base/log.ts'
import { type Disputes, bondLevels, createDisputes } from '#chain/client/dispute/disputes.ts'
import { phases } from '#chain/client/dispute/position.ts'
import { type Standing, deadlineOf } from '#chain/client/dispute/standing.ts'
import type { JobView } from '#chain/client/view.ts'
import { createReader } from '#chain/client/transactor.ts'
import { createRunner } from '#compute/runner-process.ts'
import { type Challenged, challenge } from '#evaluator/challenge/challenge.ts'
import { ownerOf } from '#evaluator/challenge/challenges.ts'
import {
  type ChallengerLie,
  challengeBlindly,
  challengerLies,
} from '#evaluator/challenge/misbehave.ts'
import { createFiles } from '#store/files.ts'
import { limits } from '#wire/limits.ts'
import { misbehaviourIn } from '#wire/misbehaviour.ts'
import type { Hex } from '#wire/primitives.ts'
import { ensureBonds } from './bonds.ts'
import { accessOf } from './compose.ts'
import type { Client } from './compose-client.ts'
import type { Context } from './context.ts'
import { withClient, withFeed } from './job/client-session.ts'
import { jobIdOfText, viewOf } from './job/find.ts'
import { integerOf } from './job/flags.ts'

interface OpenFlags {
  readonly worker: string
  readonly attempt?: string
  readonly round?: string
  readonly misbehave?: string
}

const weiPerTrain = 10n ** 18n
const attemptsMax = 255

/** `quern dispute open`. Throws DISPUTE_LEFT {reason} where nothing could be opened. */
export async function openDispute(context: Context, command: Command, text: string): Promise<void> {
  const flags = command.opts<OpenFlags>()
  const jobId = jobIdOfText(text)
  await withClient(context, command, async (client) => {
    const { transactor, access, feed } = client
    const disputes = gameOf(createDisputes(access, transactor))
    const view = viewOf(feed, jobId)
    const worker = workerOf(view, flags.worker)
    const attempt = flags.attempt === undefined ? view.attempt : countOf('attempt', flags.attempt)
    const round = flags.round === undefined ? undefined : countOf('round', flags.round)
    const amountWei = bondLevels * (await disputes.rules()).bondWei
    const bonds = { access, amountWei, log: noopLogger }
    await ensureBonds(transactor, transactor, bonds)
    const { misbehave } = flags
    const lie =
      misbehave === undefined
        ? undefined
        : misbehaviourIn(challengerLies, misbehave, access.chainId)
    const of = { client, disputes, view, worker, attempt, round, lie }
    report(context, await play(context, command, of))
  })
}

/** `quern dispute play`: one after another. */
export async function playDisputes(context: Context, command: Command): Promise<void> {
  await withClient(context, command, async (client) => {
    const { transactor, access, feed } = client
    const disputes = gameOf(createDisputes(access, transactor))
    const own = (await disputes.all()).filter(
      ({ challenger, outcome }) => challenger === transactor.address && !outcome,
    )
    for (const { claim, asserter } of own) {
      const { attempt, jobId, round } = claim
      const view = viewOf(feed, jobId)
      const worker = await ownerOf(client, view, asserter)
      if (worker === undefined) throw new AppError({ code: 'WORKER_UNKNOWN', operator: asserter })
      report(
        context,
        await play(context, command, { client, disputes, view, worker, attempt, round }),
      )
    }
    context.output.print({ event: 'played', disputes: own.length }, `${own.length} played`)
  })
}

/** `quern dispute status`. */
export async function showDisputes(
  context: Context,
  command: Command,
  text: string | undefined,
): Promise<void> {
  const access = accessOf(await context.networkToRead(command))
  const jobId = text === undefined ? undefined : jobIdOfText(text)
  await withFeed(context, command, async (feed) => {
    if (jobId !== undefined) viewOf(feed, jobId)
    const disputes = gameOf(createDisputes(access, createReader(access)))
    const all = (await disputes.all()).filter(({ claim }) => !jobId || claim.jobId === jobId)
    for (const standing of all) context.output.print(fieldsOf(standing), lineOf(standing))
    context.output.print({ event: 'disputes', count: all.length }, `${all.length} disputes`)
  })
}

interface Playing {
  readonly client: Client
  readonly disputes: Disputes
  readonly view: JobView
  readonly worker: Hex
  readonly attempt: number
  readonly round: number | undefined
  readonly lie?: ChallengerLie | undefined
}

async function play(
  context: Context,
  command: Command,
  { client, disputes, lie, ...of }: Playing,
): Promise<Challenged> {
  const { threads } = await context.settings(command)
  const { access, dataDir, transactor } = client
  const deps = {
    ...client,
    disputes,
    files: createFiles(dataDir),
    openRunner: () => createRunner(),
    clock: context.clock,
    log: noopLogger,
  }
  const options = {
    ...of,
    self: transactor.address,
    chainId: access.chainId,
    jobManager: access.contracts.JobManager,
    threads,
    signal: context.stopping,
  }
  return lie === undefined ? challenge(deps, options) : challengeBlindly(deps, options, lie)
}

function report({ output }: Context, challenged: Challenged): void {
  if (challenged.kind === 'left') {
    const { reason } = challenged
    throw new AppError({ code: 'DISPUTE_LEFT', reason, message: `no dispute: ${reason}` })
  }
  const { standing, gasUsed } = challenged.played
  output.print({ ...fieldsOf(standing), gasUsed: String(gasUsed) }, lineOf(standing))
}

function gameOf(disputes: Disputes | undefined): Disputes {
  if (disputes) return disputes
  const message = 'this chain has no game for disputes'
  throw new AppError({ code: 'CONTRACT_MISSING', contract: 'DisputeGame', message })
}

function workerOf({ workers }: JobView, text: string): Hex {
  const worker = workers.find((known) => known === text.toLowerCase())
  if (worker) return worker
  const message = `${text} is none of the job's workers: ${workers.join(', ')}`
  throw new AppError({ code: 'WORKER_UNKNOWN', message })
}

function countOf(flag: 'attempt' | 'round', text: string): number {
  return integerOf(flag, text, { min: 0, max: flag === 'round' ? limits.roundsMax : attemptsMax })
}

function fieldsOf(standing: Standing) {
  const { id, claim, asserter, challenger, position, moves, outcome } = standing
  const { jobId, attempt, round } = claim
  return {
    event: 'dispute',
    id,
    jobId,
    attempt,
    round,
    asserter,
    challenger,
    moves,
    phase: phaseName(standing),
    low: String(position.low),
    high: String(position.high),
    deadline: deadlineOf(standing),
    winner: outcome?.winner,
    lostWei: outcome && String(outcome.lostWei),
  }
}

function lineOf(standing: Standing): string {
  const { id, claim, asserter, challenger, moves, outcome } = standing
  const parts = `${id.slice(0, 10)}  round ${claim.round}  ${asserter} against ${challenger}`
  if (!outcome) return `${parts}  ${phaseName(standing)}, ${moves} moves`
  return `${parts}  won by ${outcome.winner}, ${outcome.lostWei / weiPerTrain} TRAIN lost`
}

function phaseName({ position, outcome }: Standing): string {
  if (outcome) return 'decided'
  const names = Object.entries(phases)
  return names.find(([, phase]) => phase === position.phase)?.[0] ?? 'unknown'
}
