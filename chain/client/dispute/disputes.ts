import {
  BaseError,
  type PublicClient,
  createPublicClient,
  getAbiItem,
  getAddress,
  http,
  parseEventLogs,
} from 'viem'
import { assert } from '#base/assert.ts'
import { AppError } from '#base/error.ts'
import { disputeGameAbi } from '#wire/abi/disputeGame.ts'
import { jobManagerAbi } from '#wire/abi/jobManager.ts'
import type { Hex } from '#wire/primitives.ts'
import type { ChainAccess, Sent, Transactor } from '../transactor.ts'
import type { Claim, ClaimPlace } from './claim.ts'
import { type DisputeEvent, type Standing, foldDispute } from './standing.ts'
import { type Verifier, createVerifier } from './verifier.ts'

/** What both sides of a dispute risk, and for how long they may think. */
export interface DisputeRules {
  /** Of each side at each level, in wei. */
  readonly bondWei: bigint
  readonly clockSeconds: number
}

/** The bond is taken again at each of these levels: steps, tensors, the tensor's tree, the element's terms. */
export const bondLevels = 4n

/** What an account must have in the game for disputes that are open, whose first bonds are taken, and to begin others. */
export function bondsWei(
  bondWei: bigint,
  { open, fresh }: { open: number; fresh: number },
): bigint {
  return (BigInt(open) * (bondLevels - 1n) + BigInt(fresh) * bondLevels) * bondWei
}

/** The disputes of a chain, folded from final blocks, and one account's way to play them. */
export interface Disputes {
  readonly place: ClaimPlace
  readonly verifier: Verifier
  rules(): Promise<DisputeRules>
  /** All that were ever opened, as the newest final block has them. Throws RPC_DOWN. */
  all(): Promise<readonly Standing[]>
  standing(id: Hex): Promise<Standing | undefined>
  /** Time of the newest final block, unix seconds. */
  nowSeconds(): Promise<number>
  /** What an account has in the game that bonds can be taken from, in wei. */
  balanceOf(account: Hex): Promise<bigint>
  /** Digest of the transcript that a worker submitted in an attempt; undefined where it did not. */
  transcriptDigest(of: SubmittedPlace): Promise<Hex | undefined>
  /** Takes the stake of whoever lost a claim, for the job of these terms. Throws REVERTED {reason}, RPC_DOWN. */
  slash(terms: unknown, claim: Claim): Promise<Sent>
  /** Throws REVERTED {reason}, RPC_DOWN. */
  send(name: string, args: readonly unknown[]): Promise<Sent>
}

export interface SubmittedPlace {
  readonly jobId: Hex
  readonly attempt: number
  readonly worker: Hex
  /** Where to begin to look. */
  readonly fromBlock: bigint
}

const resultSubmitted = getAbiItem({ abi: jobManagerAbi, name: 'ResultSubmitted' })
const blocksAtOnce = 1000n
const standingsMax = 10_000

/** Disputes of a chain; undefined where it has no DisputeGame. Whoever cannot send only looks. */
export function createDisputes(
  access: ChainAccess,
  chain: Pick<Transactor, 'read'> & Partial<Pick<Transactor, 'send'>>,
): Disputes | undefined {
  const { DisputeGame: game, OpVerifier: verifier } = access.contracts
  if (!game || !verifier) return undefined
  const transport = http(access.rpcUrl, { timeout: 20_000, retryCount: 1 })
  const rpc = createPublicClient({ transport })
  let known: DisputeRules | undefined

  async function rules(): Promise<DisputeRules> {
    known ??= {
      bondWei: await chain.read<bigint>('DisputeGame', 'bondWei'),
      clockSeconds: await chain.read<number>('DisputeGame', 'clockSeconds'),
    }
    return known
  }

  const folding = createFolding(rpc, { game, rules })
  return {
    place: { chainId: access.chainId, disputeGame: getAddress(game) },
    verifier: createVerifier((input) => callOnce(rpc, verifier, input)),
    rules,
    async all() {
      await folding.caughtUp()
      return [...folding.standings.values()]
    },
    async standing(id) {
      await folding.caughtUp()
      return folding.standings.get(id)
    },
    async nowSeconds() {
      await folding.caughtUp()
      return folding.headSeconds()
    },
    async balanceOf(account) {
      type Balance = readonly [free: bigint, thawing: bigint]
      const [free, thawing] = await chain.read<Balance>('DisputeGame', 'balanceOf', [account])
      return free + thawing
    },
    async transcriptDigest({ jobId, attempt, worker, fromBlock }) {
      const address = access.contracts.JobManager
      const args = { jobId, worker }
      const range = { fromBlock, toBlock: 'finalized' } as const
      const logs = await rpc.getLogs({ address, event: resultSubmitted, args, ...range })
      const found = logs.find((log) => log.args.attempt === attempt)
      return found?.args.result?.transcriptCidDigest
    },
    slash(terms, claim) {
      assert(chain.send, 'whoever plays can send')
      return chain.send('JobManager', 'slashClaim', [terms, claim])
    },
    send(name, args) {
      assert(chain.send, 'whoever plays can send')
      return chain.send('DisputeGame', name, args)
    },
  }
}

/** Every dispute of the game, folded from final blocks. */
function createFolding(
  rpc: PublicClient,
  { game, rules }: { game: Hex; rules: () => Promise<DisputeRules> },
) {
  const standings = new Map<Hex, Standing>()
  let head = -1n
  let headSeconds = 0
  let reading: Promise<void> = Promise.resolve()

  async function read(): Promise<void> {
    const { clockSeconds } = await rules()
    const finalized = await rpc.getBlock({ blockTag: 'finalized' })
    while (head < finalized.number) {
      const fromBlock = head + 1n
      const last = fromBlock + blocksAtOnce - 1n
      const toBlock = last < finalized.number ? last : finalized.number
      const events = await readEvents(rpc, { game, fromBlock, toBlock })
      for (const event of events) apply(event, clockSeconds)
      head = toBlock
    }
    headSeconds = Number(finalized.timestamp)
  }

  function apply(event: DisputeEvent, clockSeconds: number): void {
    if (!('id' in event.args)) return // deposits and withdrawals concern no dispute
    const { id } = event.args
    const next = foldDispute(standings.get(id), event, clockSeconds)
    if (next) standings.set(id, next)
    for (const [known, { outcome }] of standings) {
      if (standings.size <= standingsMax) break
      if (outcome) standings.delete(known)
    }
  }

  /** One reader after another, so that no event is folded twice. */
  async function caughtUp(): Promise<void> {
    const next = reading.then(read)
    reading = next.catch(() => undefined)
    try {
      await next
    } catch (error) {
      if (error instanceof AppError) throw error
      throw new AppError({ code: 'RPC_DOWN', retryable: true }, { cause: error })
    }
  }

  return { standings, caughtUp, headSeconds: () => headSeconds }
}

async function readEvents(
  rpc: PublicClient,
  { game, ...range }: { game: Hex; fromBlock: bigint; toBlock: bigint },
): Promise<DisputeEvent[]> {
  const logs = await rpc.getLogs({ address: game, ...range })
  const times = new Map<bigint, number>()
  for (const { blockNumber } of logs) {
    if (times.has(blockNumber)) continue
    times.set(blockNumber, Number((await rpc.getBlock({ blockNumber })).timestamp))
  }
  return parseEventLogs({ abi: disputeGameAbi, logs }).map((event) => ({
    ...event,
    atSeconds: times.get(event.blockNumber) ?? 0,
  }))
}

async function callOnce(
  rpc: PublicClient,
  to: Hex,
  input: Hex,
): Promise<{ output: Hex } | { revert: Hex | undefined }> {
  try {
    const { data: output } = await rpc.call({ to, data: input })
    return { output: output ?? '0x' }
  } catch (error) {
    const revert = revertIn(error)
    if (revert !== undefined) return { revert }
    throw new AppError({ code: 'RPC_DOWN', retryable: true }, { cause: error })
  }
}

/** The bytes that a call reverted with, wherever the error holds them. */
function revertIn(error: unknown): Hex | undefined {
  if (!(error instanceof BaseError)) return undefined
  let found: Hex | undefined
  error.walk((inner) => {
    const { data: bytes } = inner as { data?: unknown }
    if (typeof bytes === 'string' && bytes.startsWith('0x')) found = bytes as Hex
    return found !== undefined
  })
  return found
}
