import type { Scheme } from '#base/crypto/bls/scheme.ts'
import { type Hex, fromHex, toHex } from '#base/hex.ts'
import { type ConsensusBlock, consensusRoot } from '#chain/core/consensus-block.ts'
import { parseMessage, plainOf } from '#chain/core/consensus/codec.ts'
import { type Proposal, signingBytes } from '#chain/core/consensus/messages.ts'
import { headerHash } from '#chain/core/header.ts'
import { type Payload, decodePayload, encodePayload } from '#chain/core/payload.ts'
import type { ConsensusNetwork } from '#chain/node/consensus/gossip.ts'
import type { Topic } from '#p2p/network.ts'
import { canonicalBytes, parseJson } from '#wire/canonical.ts'
import { topicOf } from '#wire/topic.ts'

/** What a proposer may do instead of proposing its block. */
export const lieKinds = ['twoBlocks', 'wrongModel', 'badPayload', 'staleParent', 'silent'] as const
export type LieKind = (typeof lieKinds)[number]

export interface LiarOptions {
  readonly chainId: number
  readonly scheme: Scheme
  readonly blsSecret: Uint8Array
  /** What to do now; undefined is honest. */
  readonly lie: () => LieKind | undefined
  readonly onLie: (kind: LieKind) => void
}

type Published = (body: Uint8Array) => Promise<void>

const bytesMax = 65_536
const keptBlocks = 64

/** A network through which a validator's own proposals leave as lies. */
export function createLyingNetwork(
  network: ConsensusNetwork,
  options: LiarOptions,
): ConsensusNetwork {
  const { chainId } = options
  const payloads = new Map<Hex, Payload>() // false ones by their hash
  const proposed: { readonly root: Hex; readonly view: number; readonly block: ConsensusBlock }[] =
    []
  let askOwn: ((hash: Hex) => Promise<Payload>) | undefined

  async function lieAbout(kind: LieKind, honest: Proposal): Promise<readonly Proposal[]> {
    if (kind === 'silent') return []
    if (kind === 'twoBlocks') return [honest, withBlock(honest, { modelHash: ones }, options)]
    if (kind === 'wrongModel') return [withBlock(honest, { modelHash: ones }, options)]
    if (kind === 'badPayload') {
      const payload = await askOwn?.(honest.block.executionHash)
      if (payload === undefined) return []
      const header = { ...payload.header, stateRoot: ones }
      const blockHash = headerHash(header)
      payloads.set(blockHash, { ...payload, header, blockHash })
      return [withBlock(honest, { executionHash: blockHash }, options)]
    }
    const stale = proposed.find(({ view }) => view < honest.parentView)
    if (stale === undefined) return []
    const { view: parentView, root: parentRoot } = stale
    const height = stale.block.height + 1
    return [withBlock({ ...honest, parentView }, { parentRoot, height }, options)]
  }

  async function publish(body: Uint8Array, onward: Published): Promise<void> {
    const message = parseMessage(parseJson(body, bytesMax))
    if (message.kind !== 'proposal') return onward(body)
    const { proposal } = message
    const { root, view, block } = proposal
    proposed.push({ root, view, block })
    if (proposed.length > keptBlocks) proposed.shift()
    const kind = options.lie()
    if (kind === undefined) return onward(body)
    const told = await lieAbout(kind, proposal)
    for (const lie of told) {
      await onward(canonicalBytes(plainOf({ kind: 'proposal', proposal: lie })))
    }
    if (told.length > 0 || kind === 'silent') options.onLie(kind)
  }

  return {
    peerId: network.peerId,
    peers: () => network.peers(),
    drop: (peerId, ban) => network.drop(peerId, ban),
    request: (...question) => network.request(...question),
    async openTopic(name, topicOptions): Promise<Topic> {
      const topic = await network.openTopic(name, topicOptions)
      if (name !== topicOf.block(chainId)) return topic
      return { ...topic, publish: (body) => publish(body, (bytes) => topic.publish(bytes)) }
    },
    async handle(protocol, serve, handlerOptions) {
      if (!protocol.endsWith('/payload/1')) return network.handle(protocol, serve, handlerOptions)
      const never = new AbortController().signal
      askOwn = async (hash) => decodePayload(await serve(fromHex(hash), '', never))
      const lying: typeof serve = async (request, from, signal) => {
        const payload = payloads.get(toHex(request))
        return payload === undefined ? serve(request, from, signal) : encodePayload(payload)
      }
      return network.handle(protocol, lying, handlerOptions)
    },
  }
}

const ones: Hex = `0x${'11'.repeat(32)}`

/** The proposal with another block, signed anew. */
function withBlock(
  honest: Proposal,
  change: Partial<ConsensusBlock>,
  { chainId, scheme, blsSecret }: LiarOptions,
): Proposal {
  const block = { ...honest.block, ...change }
  const unsigned = { ...honest, block, root: consensusRoot(block) }
  return { ...unsigned, signature: scheme.sign(blsSecret, signingBytes(chainId, unsigned)) }
}
