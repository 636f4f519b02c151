import type { Command } from 'commander'
import type { JobFeed } from '#chain/client/feed.ts'
import { unitsOf } from '#chain/client/ledger-view.ts'
import { roles } from '#chain/client/registry.ts'
import { seatNumberOf } from '#chain/client/seats.ts'
import { type Transactor, createReader, createTransactor } from '#chain/client/transactor.ts'
import type { Hex } from '#wire/primitives.ts'
import { accessOf } from './compose.ts'
import type { Context } from './context.ts'
import { runningPid } from './data-dir.ts'
import { addStake } from './enrol.ts'
import { withFeed } from './job/client-session.ts'
import { trainToWei, weiToTrain } from './job/terms.ts'
import type { Network as NetworkFile } from './network-file.ts'
import { openSigner } from './signer.ts'

/** Prints what the chain says about a worker's or an evaluator's owner, and whether its daemon runs. */
export async function showOwner(
  context: Context,
  command: Command,
  role: 'worker' | 'evaluator',
): Promise<void> {
  const networkFile = await context.network(command)
  const { owner: account } = command.opts<{ owner: string }>()
  const owner = await addressOf(context, account, networkFile)
  const reader = createReader(accessOf(networkFile))
  const staked = await reader.read<{
    activeGwei: bigint
    lockedGwei: bigint
    earningsGwei: bigint
  }>('Staking', 'accountOf', [owner])
  const thaw = await reader.read<{ amountGwei: bigint; readyAt: bigint }>('Staking', 'thawOf', [
    owner,
  ])
  const entry = await reader.read<{ operator: Hex; roles: number }>('WorkerRegistry', 'entryOf', [
    owner,
  ])
  const pid = runningPid(context.dataDir())
  const toWei = (gweis: bigint) => gweis * 1_000_000_000n
  const event = {
    event: role,
    owner,
    operator: entry.operator.toLowerCase(),
    isRegistered: (entry.roles & roles[role]) !== 0,
    stakeWei: toWei(staked.activeGwei),
    lockedWei: toWei(staked.lockedGwei),
    thawingWei: toWei(thaw.amountGwei),
    thawReadyAt: thaw.readyAt,
    earningsWei: toWei(staked.earningsGwei),
    ...(await workOf(context, command, { reader, owner })),
    pid: pid ?? null,
  }
  const text = [
    `owner     ${owner}${event.isRegistered ? '' : ` (not registered as ${role})`}`,
    `operator  ${event.operator}`,
    `stake     ${weiToTrain(event.stakeWei)} TRAIN, ${weiToTrain(event.lockedWei)} locked by jobs, ${weiToTrain(event.thawingWei)} thawing`,
    `earnings  ${weiToTrain(event.earningsWei)} TRAIN`,
    ...(event.seat === null
      ? []
      : [
          `leads     as seat ${event.seat}: ${event.segments} segments committed, ${event.units} units`,
        ]),
    `daemon    ${pid === undefined ? 'not running here' : `pid ${pid}`}`,
  ]
  context.output.print(event, text.join('\n'))
}

/** The owner's seat among those that lead blocks, and what its segments brought so far. */
async function workOf(
  context: Context,
  command: Command,
  { reader, owner }: { reader: Pick<Transactor, 'read'>; owner: Hex },
) {
  const seat = await seatNumberOf(reader, owner).catch(() => undefined)
  if (seat === undefined) return { seat: null, segments: 0, units: 0 }
  const count = (feed: JobFeed) => {
    const ledgers = feed.jobs().map(({ ledger }) => ledger)
    const own = ledgers.map(({ commitments }) => commitments.filter((one) => one.worker === owner))
    const units = ledgers.reduce((sum, ledger) => sum + unitsOf(ledger, owner), 0)
    return { seat, segments: own.flat().length, units }
  }
  return withFeed(context, command, async (feed) => count(feed))
}

/** Stakes TRAIN of the owner, or starts to thaw it. */
export async function moveStake(
  context: Context,
  command: Command,
  { amount, isLeaving }: { amount: string; isLeaving: boolean },
): Promise<void> {
  const networkFile = await context.network(command)
  const { passwordFile } = await context.settings(command)
  const { owner: account } = command.opts<{ owner: string }>()
  const { chainId } = networkFile
  const owner = await openSigner({ account, dataDir: context.dataDir(), chainId, passwordFile })
  const access = accessOf(networkFile)
  const transactor = createTransactor(access, owner)
  const amountWei = trainToWei(amount)
  if (isLeaving) await transactor.send('Staking', 'unstake', [amountWei])
  else await addStake(transactor, access, amountWei)
  const word = isLeaving ? 'thawing' : 'staked'
  const text = `${weiToTrain(amountWei)} TRAIN ${isLeaving ? 'begin to thaw' : 'staked'}`
  context.output.print({ event: word, owner: transactor.address, amountWei }, text)
}

/** An owner's address: of an account, or as it stands. Throws ACCOUNT_MISSING. */
export async function addressOf(
  context: Context,
  owner: string,
  { chainId }: NetworkFile,
): Promise<Hex> {
  if (/^0x[0-9a-fA-F]{40}$/.test(owner)) return owner.toLowerCase() as Hex
  const index = /^dev:([0-9]{1,3})$/.exec(owner)?.[1]
  if (index !== undefined) {
    const { devAccount } = await import('./mnemonic.ts')
    return devAccount(Number(index), chainId).address
  }
  const { findAccount } = await import('./accounts.ts')
  return findAccount(context.dataDir(), owner).address
}
