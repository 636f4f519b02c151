import type { Clock } from '#base/clock.ts'
import { AppError } from '#base/error.ts'
import { verifyBinding } from './binding.ts'
import type { Bindings } from './bindings.ts'
import { type Capability, type CapabilityFilter, decodeCapability, meets } from './capability.ts'
import { type Envelope, openEnvelope } from './envelope.ts'
import { p2pLimits } from './limits.ts'
import type { Verdict } from './network.ts'

/** The records that a node knows, at most one of each peer. */
export interface CapabilityTable {
  /** Judges the bytes of a record and keeps it when it is accepted. */
  admit(bytes: Uint8Array): Promise<{ verdict: Verdict; record?: Capability }>
  query(filter: CapabilityFilter): readonly Capability[]
  /** Signed records that have not expired. */
  envelopes(): readonly Envelope[]
}

export interface CapabilityTableOptions {
  readonly clock: Clock
  readonly chainId: number
  readonly topic: string
  readonly ownPeerId: string
  readonly bindings: Bindings
}

interface Known {
  readonly record: Capability
  readonly envelope: Envelope
}

/** An empty table for one chain. */
export function createCapabilityTable(options: CapabilityTableOptions): CapabilityTable {
  const { clock, chainId, bindings } = options
  const known = new Map<string, Known>()

  function forgetExpired(): void {
    const nowMs = clock.nowMs()
    for (const [peerId, { record }] of known) if (record.expiry <= nowMs) known.delete(peerId)
  }

  /** Late, early, old or too many: nobody's fault. */
  function isUseless({ record, envelope }: Known): boolean {
    const leftMs = record.expiry - clock.nowMs()
    if (leftMs <= 0 || leftMs > p2pLimits.capabilityLifeMs + p2pLimits.clockSkewMs) return true
    const held = known.get(record.peerId)
    if (held === undefined) return known.size >= p2pLimits.capabilitiesMax
    return held.envelope.sequence >= envelope.sequence
  }

  async function judge(bytes: Uint8Array): Promise<{ verdict: Verdict; record?: Capability }> {
    const envelope = await openEnvelope(options.topic, bytes)
    if (envelope.author === options.ownPeerId) return { verdict: 'ignore' }
    const record = decodeCapability(envelope.body)
    const { binding } = record
    if (record.peerId !== envelope.author || binding.peerId !== envelope.author) {
      return { verdict: 'reject' }
    }
    forgetExpired()
    if (isUseless({ record, envelope })) return { verdict: 'ignore' }
    if (!bindings.has(binding)) await verifyBinding(binding, { chainId, nowMs: clock.nowMs() })
    bindings.add(binding)
    known.set(record.peerId, { record, envelope: { ...envelope, bytes: bytes.slice() } })
    return { verdict: 'accept', record }
  }

  async function admit(bytes: Uint8Array): Promise<{ verdict: Verdict; record?: Capability }> {
    try {
      return await judge(bytes)
    } catch (error) {
      return { verdict: error instanceof AppError ? 'reject' : 'ignore' }
    }
  }

  function query(filter: CapabilityFilter): readonly Capability[] {
    forgetExpired()
    return [...known.values()]
      .map(({ record }) => record)
      .filter((record) => meets(record, filter))
      .toSorted((a, b) => (a.pricePerGflopWei < b.pricePerGflopWei ? -1 : 1))
  }

  function envelopes(): readonly Envelope[] {
    forgetExpired()
    return [...known.values()].map(({ envelope }) => envelope)
  }

  return { admit, query, envelopes }
}
