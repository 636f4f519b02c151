import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Child, spawnQuern } from '#cli/children.ts'
import { temporaryFolder } from './temporary.ts'

const sample = fileURLToPath(new URL('./children-sample.ts', import.meta.url))

function start(mode: string, logDir = temporaryFolder()): Child {
  const child = spawnQuern({ name: 'sample', args: [mode], logDir, entry: sample })
  onTestFinished(async () => void (await child.kill()))
  return child
}

const isReady = (message: unknown) =>
  (message as { kind?: string }).kind === 'ready' ? true : undefined

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

describe('spawnQuern', () => {
  test('hears its child, logs what it prints, stops it gracefully', async () => {
    const logDir = temporaryFolder()
    const child = start('serve', logDir)
    await child.waitFor(isReady, { timeoutMs: 20_000 })
    expect(await child.waitFor(isReady, { timeoutMs: 1 })).toBe(true) // an earlier message counts
    expect(await child.stop()).toEqual({ exitCode: 0, signal: null })
    expect(child.isRunning()).toBe(false)
    expect(readFileSync(join(logDir, 'sample.out.log'), 'utf8')).toBe(
      'serving\nstopped by SIGTERM\n',
    )
    expect(readFileSync(join(logDir, 'sample.err.log'), 'utf8')).toBe('a warning\n')
    expect(await child.stop()).toEqual({ exitCode: 0, signal: null })
  })

  test('passes messages on', async () => {
    const child = start('echo')
    await child.waitFor(isReady, { timeoutMs: 20_000 })
    child.send({ say: 'hello' })
    const said = await child.waitFor((message) => (message as { said?: string }).said, {
      timeoutMs: 20_000,
    })
    expect(said).toBe('hello')
  })

  test('kills a child that does not stop', async () => {
    const child = start('stubborn')
    await child.waitFor(isReady, { timeoutMs: 20_000 })
    expect(await child.stop({ timeoutMs: 50 })).toEqual({ exitCode: null, signal: 'SIGKILL' })
  })

  test('CHILD_EXITED, CHILD_SILENT, and the caller’s own reason', async () => {
    const gone = start('fail').waitFor(isReady, { timeoutMs: 20_000 })
    await expect(gone).rejects.toMatchObject({ code: 'CHILD_EXITED', fields: { exitCode: 3 } })
    const child = start('silent')
    const silent = child.waitFor(isReady, { timeoutMs: 10 })
    await expect(silent).rejects.toMatchObject({ code: 'CHILD_SILENT' })
    const signal = AbortSignal.abort(new Error('enough'))
    await expect(child.waitFor(isReady, { timeoutMs: 20_000, signal })).rejects.toThrow('enough')
  })

  test('the child ends by itself when its parent is killed', async () => {
    const logDir = temporaryFolder()
    const program = join(logDir, 'parent.ts')
    const children = fileURLToPath(new URL('../../../cli/children.ts', import.meta.url))
    writeFileSync(
      program,
      `import { spawnQuern } from ${JSON.stringify(children)}
       const child = spawnQuern({ name: 'sample', args: ['serve'], logDir: ${JSON.stringify(logDir)}, entry: ${JSON.stringify(sample)} })
       await child.waitFor((message) => message.kind, { timeoutMs: 20_000 })
       console.log(child.pid)
       setInterval(() => undefined, 1000)`,
    )
    const parent = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] })
    const pid = Number(await new Promise((resolve) => parent.stdout.once('data', resolve)))
    expect(isAlive(pid)).toBe(true)
    parent.kill('SIGKILL')
    await expect.poll(() => isAlive(pid), { timeout: 20_000 }).toBe(false)
    expect(readFileSync(join(logDir, 'sample.out.log'), 'utf8')).toContain('the end of the parent')
  })
})
