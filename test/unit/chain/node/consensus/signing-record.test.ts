import { type ChildProcess, spawn } from 'node:child_process'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { AppError, codeOf } from '#base/error.ts'
import type { Hex } from '#base/hex.ts'
import { createRng } from '#base/rng.ts'
import { type Statement, conflictOf } from '#chain/core/consensus/signing-rule.ts'
import { openSigningRecord } from '#chain/node/consensus/signing-record.ts'
import type { KeyValueStore } from '#store/kv.ts'
import { openLevelStore } from '#store/level.ts'
import { createMemoryStore } from '#store/memory.ts'

const a: Hex = `0x${'aa'.repeat(32)}`
const b: Hex = `0x${'bb'.repeat(32)}`
const script = fileURLToPath(new URL('./signing-sample.ts', import.meta.url))

const propose = (block: Hex, view = 7): Statement => ({ kind: 'propose', view, block })
const notarize = (block: Hex, view = 7): Statement => ({ kind: 'notarize', view, block })
const finalize = (block: Hex, view = 7): Statement => ({ kind: 'finalize', view, block })
const nullify = (view = 7): Statement => ({ kind: 'nullify', view })

describe('conflictOf', () => {
  test.each([
    [propose(b), [propose(a)], 'TWO_PROPOSALS'],
    [notarize(b), [notarize(a)], 'TWO_NOTARIZATIONS'],
    [finalize(b), [notarize(a), finalize(a)], 'TWO_FINALIZATIONS'],
    [nullify(), [notarize(a), finalize(a)], 'NULLIFY_AFTER_FINALIZE'],
    [finalize(a), [notarize(a), nullify()], 'FINALIZE_AFTER_NULLIFY'],
  ] as const)('%j after %j is %s', (next, signed, code) => {
    expect(conflictOf(next, signed)).toBe(code)
  })

  test.each([
    [notarize(a), [propose(a)]],
    [nullify(), [notarize(a)]],
    [finalize(a), [notarize(a)]],
    [finalize(b), [notarize(a)]], // a quorum without us notarized the other block
    [notarize(a), [nullify()]],
    [finalize(a), [finalize(a)]],
    [nullify(), [nullify()]],
  ] as const)('%j after %j is no conflict', (next, signed) => {
    expect(conflictOf(next, signed)).toBeUndefined()
  })
})

const sign = (): Hex => '0x0123'

describe('openSigningRecord', () => {
  test('gives the same signature again, and signs no conflict', async () => {
    const record = await openSigningRecord(createMemoryStore())
    expect(await record.sign(notarize(a), sign)).toEqual({ kind: 'signed', signature: '0x0123' })
    expect(await record.sign(notarize(a), () => '0x99')).toEqual({
      kind: 'signed',
      signature: '0x0123',
    })
    const refused = await record.sign(notarize(b), sign)
    expect(refused).toEqual({ kind: 'refused', code: 'TWO_NOTARIZATIONS' })
    expect(record.since(0)).toHaveLength(1)
  })

  test('of two conflicting statements at the same time one is signed', async () => {
    const record = await openSigningRecord(createMemoryStore())
    const outcomes = await Promise.all([
      record.sign(finalize(a), sign),
      record.sign(nullify(), sign),
    ])
    expect(outcomes.map(({ kind }) => kind)).toEqual(['signed', 'refused'])
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
    const record = await openSigningRecord(disk)
    expect(await record.sign(notarize(a), sign).catch(codeOf)).toBe('STORE_FAILED')
    isFull = false
    expect((await record.sign(notarize(b), sign)).kind).toBe('signed')
  })

  test('forgets what is pruned, and signs nothing there', async () => {
    const store = createMemoryStore()
    const record = await openSigningRecord(store)
    for (const view of [3, 4, 5, 256]) await record.sign(notarize(a, view), sign)
    await record.prune(5)
    for (const open of [record, await openSigningRecord(store)]) {
      expect(open.since(0).map(({ view }) => view)).toEqual([5, 256])
      expect(await open.sign(nullify(4), sign)).toEqual({ kind: 'refused', code: 'BELOW_FLOOR' })
      expect(open.newestView()).toBe(256)
      expect(open.floor()).toBe(5)
    }
  })

  test('a record older than the own signatures on the network signs above them only', async () => {
    const store = createMemoryStore()
    const record = await openSigningRecord(store)
    await record.sign(notarize(a, 3), sign)
    await record.witness(3) // known: nothing happens
    expect((await record.sign(nullify(3), sign)).kind).toBe('signed')
    await record.witness(9)
    for (const open of [record, await openSigningRecord(store)]) {
      expect(await open.sign(notarize(b, 9), sign)).toEqual({
        kind: 'refused',
        code: 'BELOW_FLOOR',
      })
    }
    expect((await record.sign(notarize(b, 10), sign)).kind).toBe('signed')
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
    const record = await openSigningRecord(level)
    for (const [key, block] of left) {
      const [kind, view] = key.split(' ')
      const isThere = record
        .since(0)
        .some((one) => one.kind === kind && String(one.view) === view && one.block === block)
      expect(isThere, key).toBe(true)
    }
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
    const record = await openSigningRecord(level)
    expect(record.newestView()).toBeLessThan(lastView)
    await record.witness(lastView)
    for (let view = 0; view <= lastView; view += 1) {
      expect((await record.sign(notarize(b, view), sign)).kind).toBe('refused')
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
