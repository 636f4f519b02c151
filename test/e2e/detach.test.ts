import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { quern } from './local-world.ts'

const dataDir = mkdtempSync(join(tmpdir(), 'quern-detach-'))
const upFlags = ['up', '--detach', '--rpc-port', '0', '--workers', '1', '--evaluators', '1']

afterAll(async () => {
  if (existsSync(join(dataDir, 'daemon.pid'))) await quern(['down'], { dataDir })
  rmSync(dataDir, { recursive: true, force: true })
}, 90_000)

test('a detached network outlives its command until quern down', { timeout: 300_000 }, async () => {
  const up = await quern(upFlags, { dataDir })
  expect(up.exitCode, up.err).toBe(0)
  const ready = new Set(up.lines.map(({ event, name }) => (event === 'ready' ? name : undefined)))
  for (const name of ['node', 'worker-1', 'evaluator-1', 'attester']) expect(ready).toContain(name)
  const last = up.lines.at(-1)
  expect(last).toMatchObject({ event: 'up', log: join(dataDir, 'logs', 'up.log') })
  expect(Number(readFileSync(join(dataDir, 'daemon.pid'), 'utf8'))).toBe(last?.['pid'])

  const status = await quern(['status'], { dataDir })
  expect(status.exitCode, status.err).toBe(0)
  const processes = status.lines.at(-1)?.['processes'] as { pid?: number }[]
  expect(processes.map(({ pid }) => typeof pid)).toEqual(Array(4).fill('number'))

  const second = await quern(upFlags, { dataDir })
  expect(second.exitCode).toBe(6)
  expect(second.err).toContain('DATA_DIR_LOCKED')

  const down = await quern(['down'], { dataDir })
  expect(down.exitCode, down.err).toBe(0)
  for (const { pid } of processes) expect(() => process.kill(pid as number, 0)).toThrow('ESRCH')
  const again = await quern(['down'], { dataDir })
  expect(again.exitCode).toBe(1)
  expect(again.err).toContain('NOT_RUNNING')
})
