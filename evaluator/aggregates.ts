import { bytesRoot } from '#base/crypto/merkle.ts'
import type { Clock } from '#base/clock.ts'
import { codeOf } from '#base/error.ts'
import { toHex } from '#base/hex.ts'
import { listHashOf } from '#compute/train/certificate.ts'
import type { Runner } from '#compute/runner.ts'
import { decodeUpdate } from '#compute/train/state.ts'
import type { Artifacts } from '#p2p/network.ts'
import type { Files } from '#store/files.ts'
import type { Hex } from '#wire/primitives.ts'
import type { ListedUpdate, RoundList } from '#wire/segment.ts'
import type { TrainSpec } from '#wire/spec.ts'
import { persist } from './fetch.ts'

/** What a list aggregates to, or whose update stood in the way. */
export type Aggregate =
  | {
      readonly kind: 'aggregate'
      readonly p: Hex
      /** A state with these parameters. */ readonly state: string
    }
  | { readonly kind: 'wrong' | 'late'; readonly workers: readonly Hex[] }

/** The aggregates of an attempt's lists, each computed once from the listed updates. */
export interface Aggregates {
  of(list: RoundList, closing: AbortSignal): Promise<Aggregate>
}

export interface AggregatesDeps {
  readonly artifacts: Pick<Artifacts, 'getFile'>
  readonly runner: Pick<Runner, 'aggregate'>
  readonly files: Files
  readonly clock: Clock
}

export interface AggregatesOptions {
  readonly folder: string
  readonly pinOwner: string
  readonly method: TrainSpec['aggregation']
  /** Four for each parameter. */
  readonly updateBytes: number
  /** Any state of the job: aggregation replaces its parameters. */
  readonly initialState: string
}

/** Creates the aggregates of an attempt. */
export function createAggregates(deps: AggregatesDeps, options: AggregatesOptions): Aggregates {
  const { files } = deps
  const known = new Map<Hex, Promise<Aggregate>>()

  function of(list: RoundList, closing: AbortSignal): Promise<Aggregate> {
    const hash = listHashOf(list.list)
    const found = known.get(hash) ?? compute(list, hash, closing)
    known.set(hash, found)
    const forget = () => known.delete(hash)
    found.then(({ kind }) => kind === 'late' && forget(), forget)
    return found
  }

  async function compute(list: RoundList, hash: Hex, closing: AbortSignal): Promise<Aggregate> {
    const folder = `${options.folder}/${hash.slice(2)}`
    await files.make(folder)
    try {
      const held = await Promise.all(
        list.list.map(async (update, i) => fetchUpdate(update, `${folder}/${i}.bin`, closing)),
      )
      for (const fault of ['wrong', 'late'] as const) {
        const workers = list.list.filter((_, i) => held[i] === fault).map(({ worker }) => worker)
        if (workers.length > 0) return { kind: fault, workers }
      }
      const state = `${options.folder}/${hash.slice(2)}.safetensors`
      const updates = list.list.map((_, i) => files.path(`${folder}/${i}.bin`))
      return await aggregate(updates, { state, hash })
    } finally {
      await files.remove(folder)
    }
  }

  async function aggregate(
    updates: string[],
    to: { state: string; hash: Hex },
  ): Promise<Aggregate> {
    const { p } = await deps.runner.aggregate({
      from: files.path(options.initialState),
      to: files.path(to.state),
      updates,
      method: options.method,
      transcript: to.hash,
    })
    return { kind: 'aggregate', p, state: to.state }
  }

  async function fetchUpdate(
    { cid, updateRoot }: ListedUpdate,
    name: string,
    closing: AbortSignal,
  ): Promise<'held' | 'wrong' | 'late'> {
    const fetched = await persist(deps.clock, closing, (bounds) =>
      deps.artifacts.getFile(cid, files.path(name), {
        owner: options.pinOwner,
        sizeBytesMax: options.updateBytes,
        ...bounds,
      }),
    )
    if (fetched === 'wrong' || fetched === 'late') return fetched
    const bytes = await files.read(name)
    const isListed = bytes.length === options.updateBytes && toHex(bytesRoot(bytes)) === updateRoot
    return isListed && isUpdate(bytes) ? 'held' : 'wrong'
  }

  return { of }
}

/** Whether every parameter is a number that an honest worker could have. */
function isUpdate(bytes: Uint8Array): boolean {
  try {
    decodeUpdate(bytes)
    return true
  } catch (error) {
    if (codeOf(error) === 'STATE_INVALID') return false
    throw error
  }
}
