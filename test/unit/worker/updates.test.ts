import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { bytesRoot } from '#base/crypto/merkle.ts'
import { toHex } from '#base/hex.ts'
import type { Artifacts } from '#p2p/network.ts'
import { createFiles } from '#store/files.ts'
import type { Hex } from '#wire/primitives.ts'
import { createUpdates } from '#worker/updates.ts'

const worker: Hex = `0x${'a1'.repeat(20)}`
const bytes = Uint8Array.from({ length: 8 }, (_, i) => i)
const update = { worker, updateRoot: toHex(bytesRoot(bytes)), cid: 'bafkreia' }

let directory: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'quern-updates-'))
})
afterEach(async () => rm(directory, { recursive: true, force: true }))

/** Updates over artifacts whose files come when `serve` says what they hold. */
function updatesWith(serve: (signal?: AbortSignal) => Promise<Uint8Array>) {
  const calls: string[] = []
  const getFile: Artifacts['getFile'] = async (cid, toPath, options) => {
    calls.push(cid)
    await writeFile(toPath, await serve(options?.signal))
  }
  const updates = createUpdates(
    { artifacts: { getFile } as Artifacts, files: createFiles(directory) },
    { folder: 'job', pinOwner: 'worker:job', sizeBytes: 8, providersOf: async () => [] },
  )
  return { updates, calls }
}

const never = () => new AbortController().signal

describe('fetch', () => {
  test('gives the file of the root, fetched once for two that ask', async () => {
    const { updates, calls } = updatesWith(async () => bytes)
    const [one, two] = await Promise.all([
      updates.fetch(3, update, never()),
      updates.fetch(3, update, never()),
    ])
    expect(one).toBe(two)
    expect(new Uint8Array(await readFile(one))).toEqual(bytes)
    expect(calls).toHaveLength(1)
  })

  test('UPDATE_WRONG when the bytes are not those of the root; the next try asks again', async () => {
    const { updates, calls } = updatesWith(async () => new Uint8Array(8))
    await expect(updates.fetch(0, update, never())).rejects.toMatchObject({ code: 'UPDATE_WRONG' })
    await expect(updates.fetch(0, update, never())).rejects.toMatchObject({ code: 'UPDATE_WRONG' })
    expect(calls).toHaveLength(2)
  })

  test.each([
    ['parameters that are no numbers', new Uint8Array(new Float32Array([1, Number.NaN]).buffer)],
    [
      'parameters that overflow what is aggregated',
      new Uint8Array(new Float32Array([1, 1e30]).buffer),
    ],
    ['fewer parameters than the model has', new Uint8Array(4)],
  ])('UPDATE_WRONG for %s, though the root is right', async (_name, wrong) => {
    const { updates } = updatesWith(async () => wrong)
    const listed = { ...update, updateRoot: toHex(bytesRoot(wrong)) }
    await expect(updates.fetch(0, listed, never())).rejects.toMatchObject({ code: 'UPDATE_WRONG' })
  })

  test('whoever still wants it goes on when the first to ask gives up', async () => {
    const leaving = new AbortController()
    const { updates, calls } = updatesWith((signal) => {
      if (signal !== leaving.signal) return Promise.resolve(bytes)
      return new Promise((_resolve, reject) => {
        const fail = () => reject(signal.reason as Error)
        if (signal.aborted) fail()
        else signal.addEventListener('abort', fail)
      })
    })
    const first = updates.fetch(1, update, leaving.signal)
    const second = updates.fetch(1, update, never())
    leaving.abort()
    await expect(first).rejects.toMatchObject({ name: 'AbortError' })
    expect(new Uint8Array(await readFile(await second))).toEqual(bytes)
    expect(calls).toHaveLength(2)
  })

  test('after drop the round is fetched anew', async () => {
    const { updates, calls } = updatesWith(async () => bytes)
    const path = await updates.fetch(2, update, never())
    await updates.drop(2)
    await expect(readFile(path)).rejects.toMatchObject({ code: 'ENOENT' })
    await updates.fetch(2, update, never())
    expect(calls).toHaveLength(2)
  })
})
