import { spawn } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import packageJson from '#package.json' with { type: 'json' }

const boot = fileURLToPath(new URL('../../boot.mjs', import.meta.url))

/** A package of its own: the boot script and an entry, with nothing installed. */
function emptyPackage(entry: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'quern-boot-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  copyFileSync(boot, join(folder, 'boot.mjs'))
  writeFileSync(join(folder, 'entry.ts'), entry)
  return join(folder, 'boot.mjs')
}

function start(args: readonly string[], environment = {}) {
  const child = spawn(process.execPath, [...args], { env: { ...process.env, ...environment } })
  const printed = { out: '', err: '' }
  child.stdout.on('data', (chunk: Buffer) => (printed.out += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (printed.err += chunk.toString()))
  const ended = new Promise<{ exitCode: number | null; signal: string | null }>((resolve) => {
    child.on('close', (exitCode, signal) => resolve({ exitCode, signal }))
  })
  const firstLine = new Promise<string>((resolve) => {
    child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString().trim()))
  })
  return { child, printed, ended, firstLine }
}

describe('boot.mjs', () => {
  test('runs an entry with its arguments and passes the exit code on', async () => {
    const copy = emptyPackage('console.log(process.argv.slice(2).join()); process.exit(9)')
    const { printed, ended } = start([copy, 'entry.ts', 'a', '--b'])
    expect(await ended).toEqual({ exitCode: 9, signal: null })
    expect(printed.out).toBe('a,--b\n')
  })

  test('runs the command line when no entry is named', async () => {
    const { printed, ended } = start([boot, '--version'])
    expect((await ended).exitCode).toBe(0)
    expect(printed.out).toBe(`${packageJson.version}\n`)
  })

  test('takes the packaged Node when this one is too old', async () => {
    const run = start([boot, 'test/unit/boot-sample.mjs'], { QUERN_NODE_MAJOR_MIN: '999' })
    expect((await run.ended).exitCode).toBe(0)
    expect(run.printed.out).toMatch(/node_modules[\\/]node-[a-z0-9-]+[\\/]bin[\\/]node/)
  })

  test('exit 78 with a clear error when there is no Node that fits', async () => {
    const run = start([emptyPackage(''), 'entry.ts'], { QUERN_NODE_MAJOR_MIN: '999' })
    expect((await run.ended).exitCode).toBe(78)
    expect(run.printed.err).toMatch(/needs Node 24 or newer.*npm ci/s)
  })

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('forwards %s', async (signal) => {
    const copy = emptyPackage(
      `process.on('${signal}', () => process.exit(5)); console.log('up'); setInterval(() => 0, 1000)`,
    )
    const { child, ended, firstLine } = start([copy, 'entry.ts'])
    await firstLine
    child.kill(signal)
    expect(await ended).toEqual({ exitCode: 5, signal: null })
  })

  test('ends by the signal that ended the child', async () => {
    const copy = emptyPackage('console.log(process.pid); setInterval(() => 0, 1000)')
    const { ended, firstLine } = start([copy, 'entry.ts'])
    process.kill(Number(await firstLine), 'SIGTERM')
    expect(await ended).toEqual({ exitCode: null, signal: 'SIGTERM' })
  })
})
