import { concatBytes, u64be } from '#base/bytes.ts'
import type { Logger } from '#base/log.ts'
import { signedStatementSchema } from '#chain/core/consensus/codec.ts'
import {
  type Evidence,
  type SignedStatement,
  evidenceOf,
  headerOf,
  signerOf,
} from '#chain/core/consensus/evidence.ts'
import { consensusLimits } from '#chain/core/consensus/limits.ts'
import type { Message } from '#chain/core/consensus/messages.ts'
import { type ValidatorSet, isVoter } from '#chain/core/consensus/validators.ts'
import type { KeyValueStore, Write } from '#store/kv.ts'
import { createTable } from '#store/table.ts'
import { canonicalBytes, parseJson } from '#wire/canonical.ts'
import type { Place } from './vote-log.ts'

/**
 * What others have signed of late, on the disk: whoever says something else after this node was started again,
 * or after its epoch is over, is convicted all the same. The core knows its own epoch alone, and forgets.
 */
export interface Statements {
  /** Takes in a message whose signatures hold; evidence where its signer has said otherwise before. */
  note(message: Message): Evidence | undefined
  /** Resolves when all that was noted is written. */
  flush(): Promise<void>
}

export interface StatementsDeps {
  readonly store: KeyValueStore
  readonly setOf: (epoch: number) => ValidatorSet | undefined
  readonly logger: Logger
}

/** Views of an epoch that are kept, counted back from the newest with a certificate. */
const viewsKept = 64
/** Epochs that are kept: the newest with a certificate, and those right before. */
const epochsKept = 2
const prefix = 0x59
const kindCodes = { proposal: 0, notarize: 1, nullify: 2, finalize: 3 } as const

/** Opens what a node has kept. */
export async function openStatements({
  store,
  setOf,
  logger,
}: StatementsDeps): Promise<Statements> {
  const table = tableOf(store)
  const { write, flush } = createWriter(store, logger)
  const recent = createRecent((all) => write(all.map((said) => table.delete(said))))
  for await (const said of table.values(firstKey, undefined)) recent.restore(said)

  function take(said: SignedStatement): Evidence | undefined {
    if (!recent.isKept(said)) return undefined
    const earlier = recent.at(said).filter((other) => signerOf(other) === signerOf(said))
    for (const other of earlier) {
      const evidence = evidenceOf(other, said)
      if (evidence !== undefined) return evidence
    }
    if (earlier.some(({ kind }) => kind === said.kind)) return undefined
    recent.keep(said)
    write([table.put(said, said)])
    return undefined
  }

  return {
    flush,
    note(message) {
      if (message.kind === 'certificate') {
        recent.move(message.certificate)
      } else if (message.kind === 'proposal') {
        return take(headerOf(message.proposal))
      } else if (message.kind === 'vote') {
        const { epoch, voter } = message.vote
        const set = setOf(epoch)
        if (set !== undefined && isVoter(set, voter)) return take(message.vote)
      }
      return undefined
    },
  }
}

/** Statements by view, within what is kept; `forget` hears of those of a view that falls out. */
function createRecent(forget: (all: readonly SignedStatement[]) => void) {
  const views = new Map<string, SignedStatement[]>()
  /** The newest view with a certificate by epoch: only a quorum moves on what is kept. */
  const newest = new Map<number, number>()

  function isKept({ epoch, view }: Place): boolean {
    if (epoch <= Math.max(0, ...newest.keys()) - epochsKept) return false
    const from = newest.get(epoch) ?? 0
    return view > from - viewsKept && view <= from + consensusLimits.viewsAheadMax
  }

  function keep(said: SignedStatement): void {
    const others = views.get(viewKey(said))
    if (others === undefined) views.set(viewKey(said), [said])
    else others.push(said)
  }

  return {
    isKept,
    keep,
    at: (place: Place): readonly SignedStatement[] => views.get(viewKey(place)) ?? [],
    restore(said: SignedStatement): void {
      keep(said)
      newest.set(said.epoch, Math.max(newest.get(said.epoch) ?? 0, said.view))
    },
    /** A quorum went on. */
    move({ epoch, view }: Place): void {
      if (view <= (newest.get(epoch) ?? -1)) return
      newest.set(epoch, view)
      for (const [key, all] of views) {
        if (all[0] === undefined || isKept(all[0])) continue
        views.delete(key)
        forget(all)
      }
      for (const old of newest.keys()) if (old <= epoch - epochsKept) newest.delete(old)
    },
  }
}

const viewKey = ({ epoch, view }: Place) => `${epoch} ${view}`
const firstKey: SignedStatement = {
  kind: 'proposal',
  epoch: 0,
  view: 0,
  parentView: 0,
  root: '0x',
  proposer: 0,
  signature: '0x',
}

function tableOf(store: KeyValueStore) {
  return createTable<SignedStatement, SignedStatement>(store, {
    prefix,
    key: (said) => {
      const place = [u64be(said.epoch), u64be(said.view), u64be(signerOf(said))]
      return concatBytes(...place, Uint8Array.of(kindCodes[said.kind]))
    },
    encode: canonicalBytes,
    decode: (bytes) => signedStatementSchema.parse(parseJson(bytes)),
  })
}

/** Writes what came since the last write, one batch after another; nothing waits for the disk. */
function createWriter(store: KeyValueStore, logger: Logger) {
  let waiting: Write[] = []
  let writing: Promise<void> | undefined

  async function drain(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    while (waiting.length > 0) {
      const taken = waiting
      waiting = []
      await store.batch(taken)
    }
  }

  function write(writes: readonly Write[]): void {
    waiting.push(...writes)
    writing ??= drain()
      .catch((error: unknown) => {
        logger.warn({ error: String(error) }, 'what others signed was not kept')
      })
      .finally(() => (writing = undefined))
  }

  return { write, flush: async () => writing }
}
