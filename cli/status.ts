import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { isOver } from '#chain/client/feed.ts'
import { createReader } from '#chain/client/transactor.ts'
import { accessOf } from './compose.ts'
import { type ConsensusFacts, consensusFactsOf, developmentNote } from './consensus-facts.ts'
import type { Context } from './context.ts'
import { runningPid } from './data-dir.ts'
import { withFeed } from './job/client-session.ts'
import { weiToTrain } from './job/terms.ts'

const partPattern = /^(node(-[0-9]+)?|worker-[0-9]+|evaluator-[0-9]+|attester)$/

/** Prints head, jobs, registered accounts and stake, and the local processes. Throws RPC_DOWN. */
export async function showStatus(context: Context, command: Command): Promise<void> {
  const access = accessOf(await context.networkToRead(command))
  await withFeed(context, command, async (feed) => {
    const { number, timestamp } = feed.head()
    const reader = createReader(access)
    const accounts = await reader.read<number>('WorkerRegistry', 'accountCount')
    const [escrowWei] = await reader.read<readonly [bigint, bigint]>('Staking', 'held')
    const jobs = feed.jobs()
    const openJobs = jobs.filter((view) => !isOver(view)).length
    const processes = processesIn(context.dataDir())
    const facts = await consensusFactsOf(access.rpcUrl)
    const fields = { chainId: access.chainId, rpcUrl: access.rpcUrl, block: number, timestamp }
    const text = [
      `chain         ${access.chainId} at ${access.rpcUrl}, block ${number}`,
      ...consensusText(facts),
      `jobs          ${openJobs} open of ${jobs.length}, ${weiToTrain(escrowWei)} TRAIN in escrow`,
      `accounts      ${accounts} registered`,
      ...processes.map(
        ({ name, pid }) => `${name.padEnd(13)} ${pid === undefined ? 'not running' : `pid ${pid}`}`,
      ),
    ]
    const event = {
      event: 'status',
      ...fields,
      jobs: jobs.length,
      openJobs,
      accounts,
      escrowWei,
      consensus: facts,
      processes,
    }
    context.output.print(event, text.join('\n'))
  })
}

function consensusText(facts: ConsensusFacts | undefined): readonly string[] {
  if (facts === undefined) return []
  const { validators, newestDraw } = facts
  const drawn =
    newestDraw === null
      ? 'no work waits to lead: blocks go by stake'
      : `block ${newestDraw.height} led by ${newestDraw.mode} where work of job ${newestDraw.jobId} was drawn`
  return [`validators    ${developmentNote(validators) ?? validators}`, `work          ${drawn}`]
}

function processesIn(dataDir: string): readonly { name: string; pid: number | undefined }[] {
  const names = readdirSync(dataDir).filter((name) => partPattern.test(name))
  return names.toSorted().map((name) => ({ name, pid: runningPid(join(dataDir, name)) }))
}
