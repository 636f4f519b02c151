import { z } from 'zod'
import { utf8 } from '#base/bytes.ts'
import type { Hex } from '#base/hex.ts'
import { toHex } from '#base/hex.ts'
import { keccak256 } from '#base/crypto/keys.ts'
import type { ConsensusBlock } from '#chain/core/consensus-block.ts'
import { chainLimits } from '#chain/core/limits.ts'
import { workRules } from '#chain/core/work-rules.ts'
import { workLedgerAbi } from '#wire/abi/workLedger.ts'
import { systemAddresses } from '#wire/addresses.ts'
import type { RpcContext, RpcMethods } from '../context.ts'
import { invalidParams } from '../errors.ts'
import { findLogs } from '../logs.ts'
import { hash, parse, quantity } from '../params.ts'

const { WorkLedger } = systemAddresses
const committedTopic = topicOf('SegmentCommitted')
const maturedTopic = topicOf('SegmentMatured')
const integer = z.union([quantity.transform(Number), z.int().min(0)])

/** Who led which block by whose work, and what became of a job's segments. */
export function workMethods(context: RpcContext): RpcMethods {
  const { chain, consensus } = context
  const headHeight = () => chain.finalised().header.number

  /** Elections from a height on; fewer than asked for where the chain ends. */
  function elections(from: number, count: number) {
    if (count > chainLimits.electionsMax) {
      throw invalidParams(`at most ${chainLimits.electionsMax} heights a call`)
    }
    return finalBlocks(Math.max(1, from), Math.min(from + count - 1, headHeight())).map(electionOf)
  }

  function finalBlocks(from: number, to: number): ConsensusBlock[] {
    const blocks: ConsensusBlock[] = []
    for (let height = from; height <= to; height += 1) {
      const final = consensus.get(height)
      if (final !== undefined) blocks.push(final.block)
    }
    return blocks
  }

  /** What the ledger's events of the last blocks say of a job, and which of its units blocks have named. */
  async function segments(jobId: Hex) {
    const to = headHeight()
    const from = Math.max(0, to - chainLimits.logBlocksMax + 1)
    const topics = [[committedTopic, maturedTopic], [jobId]]
    const found = await findLogs(context, { addresses: [WorkLedger], topics }, { from, to })
    const logs = found as readonly LedgerLog[]
    const matured = logs.filter(({ topics: [topic] }) => topic === maturedTopic).map(maturedOf)
    return {
      jobId,
      fromHeight: from,
      committed: logs.filter(({ topics: [topic] }) => topic === committedTopic).map(committedOf),
      matured,
      units: matured.reduce((sum, { units }) => sum + units, 0),
      spent: spentOf(
        jobId,
        matured.map(({ height }) => height),
      ),
    }
  }

  /** Units live for `liveHeights`: only so many blocks behind a birth can have named one. */
  function spentOf(jobId: Hex, births: readonly number[]) {
    if (births.length === 0) return []
    const first = Math.min(...births)
    const last = Math.max(...births) + workRules.liveHeights
    const to = Math.min(last, headHeight(), first + chainLimits.electionsMax)
    return finalBlocks(first, to)
      .filter(({ work }) => work?.jobId === jobId)
      .map(({ height, mode, work }) => ({
        height,
        mode,
        segmentId: work?.segmentId,
        j: work?.j,
      }))
  }

  return {
    quern_elections(params) {
      const [from, count] = parse(params, integer, integer)
      return elections(from, count)
    },
    quern_segments: (params) => segments(parse(params, hash)[0]),
  }
}

function electionOf({ height, view, mode, work, modelHash, proposer }: ConsensusBlock) {
  return { height, view, mode, leader: proposer, modelHash, work: work ?? null }
}

interface LedgerLog {
  readonly topics: readonly Hex[]
  readonly data: Hex
  readonly blockNumber: Hex
}

function committedOf({ topics, data: words, blockNumber }: LedgerLog) {
  return {
    segmentId: wordAt(words, 0),
    worker: `0x${topics[2]?.slice(-40) ?? ''}`,
    attempt: Number(wordAt(words, 1)),
    height: Number(blockNumber),
  }
}

function maturedOf({ topics, data: words, blockNumber }: LedgerLog) {
  return {
    segmentId: topics[2],
    seat: Number(topics[3]),
    units: Number(wordAt(words, 0)),
    height: Number(blockNumber),
  }
}

function wordAt(words: Hex, index: number): Hex {
  return `0x${words.slice(2 + 64 * index, 66 + 64 * index)}`
}

interface Parameter {
  readonly type: string
  readonly components?: readonly Parameter[]
}

/** Keccak-256 of an event's name and types, by the contract ABI. */
function topicOf(name: 'SegmentCommitted' | 'SegmentMatured'): Hex {
  const event = workLedgerAbi.find((item) => item.type === 'event' && item.name === name)
  const inputs: readonly Parameter[] = event !== undefined && 'inputs' in event ? event.inputs : []
  return toHex(keccak256(utf8(`${name}(${inputs.map(typeOf).join(',')})`)))
}

function typeOf({ type, components = [] }: Parameter): string {
  if (!type.startsWith('tuple')) return type
  return `(${components.map(typeOf).join(',')})${type.slice('tuple'.length)}`
}
