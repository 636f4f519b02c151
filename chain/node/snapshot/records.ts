import type { Scheme } from '#base/crypto/bls/scheme.ts'
import type { Hex } from '#base/hex.ts'
import { AppError } from '#base/error.ts'
import { isSignedByQuorum } from '#chain/core/consensus/quorum.ts'
import type { ValidatorSet } from '#chain/core/consensus/validators.ts'
import { consensusRoot } from '#chain/core/consensus-block.ts'
import type { FinalBlock } from '../consensus-store.ts'
import { type SnapshotAsking, forged } from './asking.ts'
import { snapshotLimits } from './limits.ts'
import { decodeRecords } from './protocol.ts'

export interface RecordsDeps {
  readonly asking: SnapshotAsking
  readonly scheme: Scheme
  readonly chainId: number
  /** The set of an epoch; undefined where it is not known. */
  readonly setOf: (epoch: number) => ValidatorSet | undefined
}

/** Final consensus blocks as peers have them, each checked before it is believed. */
export interface Records {
  /** The newest final block of all peers that answer; its certificate names it. */
  newest(): Promise<FinalBlock | undefined>
  /**
   * The blocks below a trusted one, downwards and linked to it by hashes, until `count` are there or the chain
   * ends, each with a quorum's certificate; undefined where no peer helps.
   */
  below(block: FinalBlock, count: number): Promise<readonly FinalBlock[] | undefined>
  /**
   * Looks for the trusted hash, a consensus root or an execution block's, from `block` downwards. Throws
   * TRUST_UNKNOWN where the chain of the peers does not have it; undefined where no peer helps.
   */
  findTrusted(block: FinalBlock, trust: Trust): Promise<boolean | undefined>
}

export interface Trust {
  readonly hash: Hex
  /** The root before the first block. */
  readonly genesisRoot: Hex
  readonly genesisHash: Hex
}

/** Creates the records of one chain. */
export function createRecords(deps: RecordsDeps): Records {
  const { asking } = deps
  const { tipPeersMax, recordsMax, trustBlocksMax } = snapshotLimits

  function takeNewest(bytes: Uint8Array): FinalBlock {
    const [record] = decodeRecords(bytes)
    if (record === undefined) throw new AppError({ code: 'SNAPSHOT_MISSING' })
    const isNamed = record.certificate.block === consensusRoot(record.block)
    if (!isNamed || !isCertified(record, deps)) throw forged('no quorum signed it')
    return record
  }

  async function newest(): Promise<FinalBlock | undefined> {
    const question = { kind: 'records', from: undefined, count: 1 } as const
    const peers = asking.peers().slice(0, tipPeersMax)
    const tips = await Promise.all(peers.map((peer) => asking.ask(peer, question, takeNewest)))
    return tips
      .filter((tip) => tip !== undefined)
      .toSorted((a, b) => b.block.height - a.block.height)[0]
  }

  /** The next blocks below `block`, linked to it; `named` holds what their certificates may name, if that counts. */
  async function part(block: FinalBlock, count: number, named?: Set<Hex>) {
    const from = block.block.height - 1
    return asking.askAny({ kind: 'records', from, count }, (bytes) => {
      const records = decodeRecords(bytes)
      if (records.length === 0) throw new AppError({ code: 'SNAPSHOT_MISSING' })
      if (records.length > count) throw forged('more records than asked for')
      checkLinks(block, records)
      if (named !== undefined) checkCertificates(records, named, deps)
      return records
    })
  }

  async function below(block: FinalBlock, count: number) {
    const found: FinalBlock[] = []
    const goal = Math.min(count, block.block.height - 1)
    const named = new Set([consensusRoot(block.block)])
    while (found.length < goal) {
      const left = Math.min(goal - found.length, recordsMax)
      const next = await part(found.at(-1) ?? block, left, named)
      if (next === undefined) return undefined
      found.push(...next)
    }
    return found
  }

  async function findTrusted(block: FinalBlock, { hash, genesisRoot, genesisHash }: Trust) {
    if (hash === genesisRoot || hash === genesisHash) return true
    let at = block
    for (let seen = 0; seen < trustBlocksMax;) {
      if (isTrusted(at, hash)) return true
      if (at.block.height <= 1) break
      const next = await part(at, Math.min(recordsMax, at.block.height - 1))
      if (next === undefined) return undefined
      if (next.some((record) => isTrusted(record, hash))) return true
      at = next.at(-1) ?? at
      seen += next.length
    }
    throw new AppError({ code: 'TRUST_UNKNOWN', hash, height: at.block.height })
  }

  return { newest, below, findTrusted }
}

function isTrusted({ block }: FinalBlock, hash: Hex): boolean {
  return block.executionHash === hash || consensusRoot(block) === hash
}

/** Throws SNAPSHOT_FORGED where records do not lead downwards from `block` by hashes. */
function checkLinks({ block }: FinalBlock, records: readonly FinalBlock[]): void {
  let wanted = block.parentRoot
  for (const record of records) {
    if (consensusRoot(record.block) !== wanted) throw forged('records are not linked')
    wanted = record.block.parentRoot
  }
}

function isCertified(
  { block, certificate }: FinalBlock,
  { scheme, chainId, setOf }: RecordsDeps,
): boolean {
  const set = setOf(block.epoch)
  if (set === undefined) throw new AppError({ code: 'SNAPSHOT_MISSING', epoch: block.epoch })
  const isFinal = certificate.kind === 'finalize' && certificate.epoch === block.epoch
  return isFinal && isSignedByQuorum(certificate, { chainId, set, scheme })
}

/** Throws SNAPSHOT_FORGED where a certificate is not a quorum's, or is of none of the blocks above. */
function checkCertificates(
  records: readonly FinalBlock[],
  named: Set<Hex>,
  deps: RecordsDeps,
): void {
  for (const record of records) {
    named.add(consensusRoot(record.block))
    const isOfChain = named.has(record.certificate.block ?? '0x')
    if (!isOfChain || !isCertified(record, deps)) throw forged('no quorum signed it')
  }
}
