import { z } from 'zod'
import { AppError } from '#base/error.ts'
import { canonicalBytes, parseJson } from '#wire/canonical.ts'
import { count, wei } from '#wire/primitives.ts'
import { bindingSchema, peerIdText } from './binding.ts'
import { p2pLimits } from './limits.ts'

const word = z.string().regex(/^[a-z0-9][A-Za-z0-9._+-]{0,63}$/)
const words = z.array(word).max(32)

/** What a peer says it can do. Its peer key signs the record, its account the binding. */
export const capabilitySchema = z.object({
  peerId: peerIdText,
  /** Shows that the account speaks through this peer. */
  binding: bindingSchema,
  roles: words,
  cores: count.max(65_536),
  memoryBytes: count,
  gpus: z.array(z.object({ name: z.string().max(64), memoryBytes: count })).max(64),
  engines: words,
  taskKinds: words,
  pricePerGflopWei: wei,
  /** Share of the machine in use, 0 to 1. */
  load: z.number().min(0).max(1),
  addresses: z.array(z.string().max(256)).max(p2pLimits.knownAddressesMax),
  /** Unix time in milliseconds after which the record counts no more. */
  expiry: count,
})
export type Capability = z.infer<typeof capabilitySchema>

/** What a peer tells of itself; the rest of the record is known to the network. */
export type CapabilityClaim = Omit<Capability, 'peerId' | 'binding' | 'addresses' | 'expiry'>

/** What somebody looks for. Fields left out do not matter. */
export interface CapabilityFilter {
  readonly role?: string
  readonly engine?: string
  readonly taskKind?: string
  readonly coresMin?: number
  readonly memoryBytesMin?: number
  readonly gpus?: { readonly countMin: number; readonly memoryBytesMin: number }
  readonly pricePerGflopWeiMax?: bigint
  readonly loadMax?: number
}

/** Whether a record meets every condition of the filter. */
export function meets(record: Capability, filter: CapabilityFilter): boolean {
  const { gpus } = filter
  const conditions = [
    filter.role === undefined || record.roles.includes(filter.role),
    filter.engine === undefined || record.engines.includes(filter.engine),
    filter.taskKind === undefined || record.taskKinds.includes(filter.taskKind),
    record.cores >= (filter.coresMin ?? 0),
    record.memoryBytes >= (filter.memoryBytesMin ?? 0),
    gpus === undefined ||
      record.gpus.filter((gpu) => gpu.memoryBytes >= gpus.memoryBytesMin).length >= gpus.countMin,
    filter.pricePerGflopWeiMax === undefined ||
      record.pricePerGflopWei <= filter.pricePerGflopWeiMax,
    record.load <= (filter.loadMax ?? 1),
  ]
  return conditions.every(Boolean)
}

/** A record as canonical JSON. Throws CAPABILITY_TOO_LARGE, or CAPABILITY_INVALID: no peer would take it. */
export function encodeCapability(record: Capability): Uint8Array {
  const bytes = canonicalBytes({ ...record, pricePerGflopWei: record.pricePerGflopWei.toString() })
  if (bytes.length > p2pLimits.capabilityBytesMax) {
    throw new AppError({ code: 'CAPABILITY_TOO_LARGE', sizeBytes: bytes.length })
  }
  decodeCapability(bytes)
  return bytes
}

/** Throws JSON_TOO_LARGE, JSON_INVALID or CAPABILITY_INVALID. */
export function decodeCapability(bytes: Uint8Array): Capability {
  const parsed = capabilitySchema.safeParse(parseJson(bytes, p2pLimits.capabilityBytesMax))
  if (parsed.success) return parsed.data
  throw new AppError({ code: 'CAPABILITY_INVALID' }, { cause: parsed.error })
}
