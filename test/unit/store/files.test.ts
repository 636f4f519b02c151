import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { codeOf } from '#base/error.ts'
import { createFiles } from '#store/files.ts'

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'quern-files-'))
})
afterAll(() => rm(directory, { recursive: true }))

describe('digests', () => {
  const prefixes = [Buffer.from('one'), Buffer.from('two')]
  const suffix = Buffer.from('end')

  test.each([0, 5, 3 * (1 << 20) + 1])('of a file of %d bytes behind each prefix', async (size) => {
    const bytes = Buffer.alloc(size, 7)
    await writeFile(join(directory, 'file'), bytes)
    const digests = await createFiles(directory).digests('file', { prefixes, suffix })
    const expected = prefixes.map((prefix) => {
      return createHash('sha256').update(prefix).update(bytes).update(suffix).digest('hex')
    })
    expect(digests.map((digest) => Buffer.from(digest).toString('hex'))).toEqual(expected)
  })

  test('FILE_FAILED where there is none', async () => {
    const failure = createFiles(directory).digests('none', { prefixes, suffix })
    expect(await failure.catch(codeOf)).toBe('FILE_FAILED')
  })
})
