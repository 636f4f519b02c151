import { hexToString, stringToHex } from 'viem'
import type { Clock } from '#base/clock.ts'
import { AppError } from '#base/error.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Transactor } from './transactor.ts'

/** What an account registered, as other parts need it. Addresses are lower case. */
export interface RegistryEntry {
  readonly owner: Hex
  readonly operator: Hex
  readonly isWorker: boolean
  readonly isEvaluator: boolean
  readonly x25519Key: Hex
  /** libp2p peer id in its text form; empty when none is registered. */
  readonly peerId: string
}

/** Lookups in WorkerRegistry, remembered for a while. */
export interface Registry {
  /** Throws NOT_REGISTERED. */
  entryOf(owner: Hex): Promise<RegistryEntry>
  /** The owner an operator key works for; undefined when it is nobody's. */
  ownerOf(operator: Hex): Promise<Hex | undefined>
}

export const roles = { worker: 1, evaluator: 2 } as const

interface ContractEntry {
  readonly operator: Hex
  readonly roles: number
  readonly x25519Key: Hex
  readonly peerId: Hex
}

const lifeMs = 30_000
const entriesMax = 4096

/** Creates the lookups over a reader of views. */
export function createRegistry(deps: { reader: Pick<Transactor, 'read'>; clock: Clock }): Registry {
  const entries = new Map<Hex, { entry: Promise<RegistryEntry>; untilMs: number }>()

  function entryOf(owner: Hex): Promise<RegistryEntry> {
    const known = entries.get(owner)
    const nowMs = deps.clock.nowMs()
    if (known !== undefined && nowMs < known.untilMs) return known.entry
    if (entries.size >= entriesMax) entries.clear()
    const entry = readEntry(deps.reader, owner)
    entries.set(owner, { entry, untilMs: nowMs + lifeMs })
    entry.catch(() => entries.delete(owner))
    return entry
  }

  async function ownerOf(operator: Hex): Promise<Hex | undefined> {
    const [owner, id] = await deps.reader.read<readonly [Hex, number, number]>(
      'WorkerRegistry',
      'operatorOf',
      [operator],
    )
    return id === 0 ? undefined : (owner.toLowerCase() as Hex)
  }

  return { entryOf, ownerOf }
}

/** A peer id as the registry keeps it: the UTF-8 bytes of its text. */
export function peerIdBytes(peerId: string): Hex {
  return stringToHex(peerId)
}

async function readEntry(reader: Pick<Transactor, 'read'>, owner: Hex): Promise<RegistryEntry> {
  const entry = await reader.read<ContractEntry>('WorkerRegistry', 'entryOf', [owner])
  if (entry.roles === 0) throw new AppError({ code: 'NOT_REGISTERED', owner })
  return {
    owner,
    operator: entry.operator.toLowerCase() as Hex,
    isWorker: (entry.roles & roles.worker) !== 0,
    isEvaluator: (entry.roles & roles.evaluator) !== 0,
    x25519Key: entry.x25519Key,
    peerId: hexToString(entry.peerId),
  }
}
