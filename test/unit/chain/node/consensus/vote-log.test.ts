import { type ChildProcess, spawn } from 'node:child_process'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { AppError, codeOf } from '#base/error.ts'
import type { Hex } from '#base/hex.ts'
import { createRng } from '#base/rng.ts'
import type { Certificate, Unsigned, VoteKind } from '#chain/core/consensus/messages.ts'
import { openVoteLog } from '#chain/node/consensus/vote-log.ts'
import type { KeyValueStore } from '#store/kv.ts'
import { openLevelStore } from '#store/level.ts'
import { createMemoryStore } from '#store/memory.ts'

const a: Hex = `0x${'aa'.repeat(32)}`
const b: Hex = `0x${'bb'.repeat(32)}`
const signature: Hex = `0x${'01'.repeat(96)}`
const other: Hex = `0x${'02'.repeat(96)}`
const script = fileURLToPath(new URL('./signing-sample.ts', import.meta.url))

const voteFor = (kind: VoteKind, view: number, block?: Hex): Unsigned => ({
  kind: 'vote',
  vote: { kind, epoch: 0, view, ...(block === undefined ? {} : { block }), voter: 2 },
})
const notarize = (block: Hex, view = 7) => voteFor('notarize', view, block)
const finalize = (block: Hex, view = 7) => voteFor('finalize', view, block)
const nullify = (view = 7) => voteFor('nullify', view)
const sign = (): Hex => signature
const refused = { kind: 'refused', code: 'CONFLICT' }
const tooLow = { kind: 'refused', code: 'BELOW_FLOOR' }

const certificate: Certificate = {
  kind: 'notarize',
  epoch: 0,
  view: 6,
  block: a,
  signers: '0x07',
  signature,
}

describe('openVoteLog', () => {
  test('gives the same signature again, and signs no conflict', async () => {
    const log = await openVoteLog(createMemoryStore())
    const first = await log.sign(notarize(a), sign)
    expect(first).toMatchObject({ kind: 'signed', signed: { vote: { block: a, signature } } })
    expect(await log.sign(notarize(a), () => other)).toEqual(first)
    expect(await log.sign(notarize(b), sign)).toEqual(refused)
    expect((await log.sign(nullify(), sign)).kind).toBe('signed')
    expect(await log.sign(finalize(a), sign)).toEqual(refused)
    expect((await log.sign(finalize(a, 8), sign)).kind).toBe('signed')
    expect(await log.sign(nullify(8), sign)).toEqual(refused)
    expect(log.entries()).toHaveLength(3)
  })

  test('of two conflicting statements at the same time one is signed', async () => {
    const log = await openVoteLog(createMemoryStore())
    const outcomes = await Promise.all([log.sign(finalize(a), sign), log.sign(nullify(), sign)])
    expect(outcomes.map(({ kind }) => kind)).toEqual(['signed', 'refused'])
  })

  test('brings entries to the disk with the next signature, in order', async () => {
    const store = createMemoryStore()
    const log = await openVoteLog(store)
    const stored = async () => (await openVoteLog(store)).entries()
    log.append({ kind: 'certificate', certificate })
    expect(await stored()).toEqual([])
    await log.sign(notarize(a), sign)
    log.append({ kind: 'certificate', certificate: { ...certificate, view: 7 } })
    expect((await stored()).map(({ kind }) => kind)).toEqual(['certificate', 'vote'])
    await log.flush()
    expect(await stored()).toEqual(log.entries())
    expect(log.entries()).toHaveLength(3)
  })

  test('a signature that the disk refused is not given out, nor remembered', async () => {
    const store = createMemoryStore()
    let isFull = true
    const disk: KeyValueStore = {
      ...store,
      async batch(writes, options) {
        if (isFull) throw new AppError({ code: 'STORE_FAILED', directory: 'test' })
        expect(options?.sync).toBe(true)
        return store.batch(writes, options)
      },
    }
    const log = await openVoteLog(disk)
    log.append({ kind: 'certificate', certificate })
    expect(await log.sign(notarize(a), sign).catch(codeOf)).toBe('STORE_FAILED')
    isFull = false
    expect((await log.sign(notarize(b), sign)).kind).toBe('signed')
    expect((await openVoteLog(store)).entries()).toHaveLength(2)
  })

  test('forgets what is pruned, and signs nothing there', async () => {
    const store = createMemoryStore()
    const log = await openVoteLog(store)
    for (const view of [3, 4, 5, 256]) await log.sign(notarize(a, view), sign)
    await log.prune({ epoch: 0, view: 5 })
    for (const open of [log, await openVoteLog(store)]) {
      expect(open.entries()).toMatchObject([{ vote: { view: 5 } }, { vote: { view: 256 } }])
      expect(await open.sign(nullify(4), sign)).toEqual(tooLow)
      expect(open.newestSigned()).toMatchObject({ epoch: 0, view: 256 })
      expect(open.floor()).toEqual({ epoch: 0, view: 5 })
    }
    await log.prune({ epoch: 1, view: 0 })
    expect(await log.sign(nullify(999), sign)).toEqual(tooLow)
  })

  test('a log older than the own signatures on the network signs above them only', async () => {
    const store = createMemoryStore()
    const log = await openVoteLog(store)
    await log.sign(notarize(a, 3), sign)
    await log.witness({ epoch: 0, view: 3 }) // known: nothing happens
    expect((await log.sign(nullify(3), sign)).kind).toBe('signed')
    await log.witness({ epoch: 0, view: 9 })
    for (const open of [log, await openVoteLog(store)]) {
      expect(await open.sign(notarize(b, 9), sign)).toEqual(tooLow)
    }
    expect((await log.sign(notarize(b, 10), sign)).kind).toBe('signed')
  })
})

describe('a validator that is killed', () => {
  let directory = ''
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'quern-signing-'))
  })
  afterEach(() => rm(directory, { recursive: true, force: true }))

  test.each([1, 2, 3])('never signs against what had left it (seed %i)', async (seed) => {
    const rng = createRng(seed)
    const store = join(directory, 'store')
    const left = new Map<string, string>() // kind and view -> block, as printed
    for (let kill = 0; kill < 3; kill += 1) {
      for (const line of await runAndKill(store, 1 + rng.below(200))) {
        const [kind, view, block] = line.split(' ')
        const key = `${kind} ${view}`
        expect(left.get(key) ?? block).toBe(block)
        left.set(key, block ?? '')
      }
    }
    const level = await openLevelStore(store)
    const entries = (await openVoteLog(level)).entries()
    const kept = entries.map((entry) =>
      entry.kind === 'vote' ? `${entry.vote.kind} ${entry.vote.view} ${entry.vote.block}` : '',
    )
    for (const [key, block] of left) expect(kept).toContain(`${key} ${block}`)
    await level.close()
  })

  test('and restored from a backup keeps silent where the network knows better', async () => {
    const store = join(directory, 'store')
    const backup = join(directory, 'backup')
    await runAndKill(store, 20)
    await cp(store, backup, { recursive: true })
    const later = await runAndKill(store, 60)
    const lastView = Math.max(...later.map((line) => Number(line.split(' ')[1])))
    const level = await openLevelStore(backup)
    const log = await openVoteLog(level)
    expect(log.newestSigned()?.view).toBeLessThan(lastView)
    await log.witness({ epoch: 0, view: lastView })
    for (let view = 0; view <= lastView; view += 1) {
      expect((await log.sign(notarize(b, view), sign)).kind).toBe('refused')
    }
    await level.close()
  })
})

/** Lines of a process that signs on and on, killed after it printed `count` of them. */
async function runAndKill(store: string, count: number): Promise<readonly string[]> {
  const child: ChildProcess = spawn(process.execPath, [script, store], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  let text = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    text += chunk.toString('utf8')
    if (text.split('\n').length > count) child.kill('SIGKILL')
  })
  await ended
  return text.split('\n').slice(0, -1) // the last one may be half a line
}
