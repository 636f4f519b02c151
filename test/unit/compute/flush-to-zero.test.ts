import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, describe, expect, test } from 'vitest'
import { root } from '#scripts/tools.ts'

const run = promisify(execFile)
const folder = mkdtempSync(join(tmpdir(), 'quern-flush-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function compile(): Promise<{ library: string } | { reason: string }> {
  if (process.platform !== 'linux' || process.arch !== 'x64') return { reason: 'not Linux on x64' }
  const library = join(folder, 'flush.so')
  const source = join(root, 'test/bits/flush-to-zero.c')
  return run('cc', ['-shared', '-fPIC', '-o', library, source]).then(
    () => ({ library }),
    () => ({ reason: 'there is no C compiler' }),
  )
}

async function selfTest(threads: number, environment: Readonly<Record<string, string>>) {
  const file = join(root, 'test/bits/denormals.ts')
  const env = { ...process.env, ...environment }
  const { stdout } = await run(process.execPath, [file, String(threads)], { env })
  return stdout.trim()
}

describe("the engine's self-test of denormal numbers", () => {
  test.each([1, 2])('passes on %i thread(s) of an ordinary process', async (threads) => {
    expect(await selfTest(threads, {})).toBe('kept')
  })

  test.for([1, 2])('trips on %i thread(s) where they are flushed', async (threads, { skip }) => {
    const compiled = await compile()
    if ('reason' in compiled) return skip(compiled.reason)
    const found = await selfTest(threads, { LD_PRELOAD: compiled.library })
    expect(found).toBe('DENORMALS_FLUSHED')
  })
})
