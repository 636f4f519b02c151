import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { scryptLight } from '#base/crypto/keystore.ts'
import { saveAccount } from '#cli/accounts.ts'
import { exitCodes } from '#cli/exit-codes.ts'
import { type Line, type LocalWorld, quern, startWorld, summaryOf } from './local-world.ts'
import { rowsCsv } from './rows.ts'

const main = fileURLToPath(new URL('../../cli/main.ts', import.meta.url))
const accounts = ['--owner', 'dev:5', '--operator', 'dev:21']
const slow = { timeout: 600_000 }

let world: LocalWorld

beforeAll(async () => {
  world = await startWorld(['--workers', '3', '--evaluators', '2'])
}, slow.timeout)
afterAll(async () => world.stop(), slow.timeout)

/** A data directory with the world's network file, changed as given. */
function dirOf(name: string, changes: Record<string, unknown> = {}): string {
  const dataDir = join(world.dataDir, name)
  mkdirSync(dataDir)
  const network = JSON.parse(readFileSync(join(world.dataDir, 'network.json'), 'utf8')) as object
  writeFileSync(join(dataDir, 'network.json'), JSON.stringify({ ...network, ...changes }))
  return dataDir
}

async function failureOf(dataDir: string, args: readonly string[]) {
  const { exitCode, lines } = await quern(['worker', ...args], { dataDir, timeoutMs: 60_000 })
  return { exitCode, code: lines.at(-1)?.['code'] }
}

describe('quern worker start refuses', () => {
  test('a wrong password', async () => {
    const dataDir = dirOf('password')
    for (const name of ['owner', 'operator']) {
      const privateKey = new Uint8Array(32).fill(name.length)
      await saveAccount(dataDir, { name, privateKey, password: 'right' }, { scrypt: scryptLight })
    }
    writeFileSync(join(dataDir, 'password'), 'wrong\n')
    const file = ['--password-file', join(dataDir, 'password')]
    const failure = await failureOf(dataDir, ['start', ...file])
    expect(failure).toEqual({ exitCode: exitCodes.password, code: 'WRONG_PASSWORD' })
  })

  test('a node on another chain', async () => {
    const dataDir = dirOf('chain', { chainId: 1 })
    for (const name of ['owner', 'operator']) {
      const privateKey = new Uint8Array(32).fill(name.length)
      await saveAccount(dataDir, { name, privateKey, password: 'right' }, { scrypt: scryptLight })
    }
    writeFileSync(join(dataDir, 'password'), 'right\n')
    const file = ['--password-file', join(dataDir, 'password')]
    const failure = await failureOf(dataDir, ['start', ...file])
    expect(failure).toEqual({ exitCode: exitCodes.unreachable, code: 'WRONG_CHAIN' })
    const misbehaving = await failureOf(dataDir, ['start', '--misbehave', 'noise', ...file])
    expect(misbehaving).toEqual({ exitCode: exitCodes.failed, code: 'MISBEHAVE_REFUSED' })
  })

  test('a node that is down', async () => {
    const dataDir = dirOf('down')
    const url = ['--rpc-url', 'http://127.0.0.1:9']
    const failure = await failureOf(dataDir, ['start', ...accounts, ...url])
    expect(failure).toEqual({ exitCode: exitCodes.unreachable, code: 'RPC_DOWN' })
  })

  test('a data directory that another daemon has', async () => {
    const failure = await failureOf(join(world.dataDir, 'worker-1'), ['start', ...accounts])
    expect(failure).toEqual({ exitCode: exitCodes.locked, code: 'DATA_DIR_LOCKED' })
  })

  test('an operator key without stake behind it', async () => {
    const dataDir = dirOf('poor')
    const failure = await failureOf(dataDir, ['start', '--owner', 'dev:9', '--operator', 'dev:25'])
    expect(failure).toEqual({ exitCode: exitCodes.failed, code: 'REVERTED' })
  })
})

describe('a worker daemon', () => {
  test('stakes, registers, serves metrics, and stops when asked', slow, async () => {
    const dataDir = dirOf('fourth')
    const args = ['--data-dir', dataDir, 'worker', 'start', ...accounts, '--stake', '100']
    const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
    const exited = new Promise<number | null>((resolve) => child.on('exit', resolve))
    let out = ''
    await new Promise<void>((resolve, reject) => {
      child.stdout.on('data', (chunk: Buffer) => {
        out += chunk.toString()
        if (out.includes('worker is ready')) resolve()
      })
      exited.then(() => reject(new Error(out)), reject)
    })
    const { metrics } = JSON.parse(out.split('\n').find((line) => line.includes('ready'))!) as {
      metrics: string
    }
    expect(await (await fetch(metrics)).text()).toContain('quern_worker_sessions 0')
    const status = await quern(['worker', 'status', '--owner', 'dev:5'], { dataDir })
    expect(status.lines.at(-1)).toMatchObject({
      event: 'worker',
      isRegistered: true,
      stakeWei: '100000000000000000000',
      pid: child.pid,
    })
    child.kill('SIGTERM')
    expect(await exited).toBe(exitCodes.done)
    const moves = ['stake', 'unstake'].map((word) => ['worker', word, '7', '--owner', 'dev:5'])
    for (const move of moves) expect((await quern(move, { dataDir })).exitCode).toBe(exitCodes.done)
    const after = await quern(['worker', 'status', '--owner', 'dev:5'], { dataDir })
    expect(after.lines.at(-1)).toMatchObject({
      stakeWei: '100000000000000000000',
      thawingWei: '7000000000000000000',
      pid: null,
    })
  })

  test(
    'that is killed in the middle of a job resumes it, and everybody is paid',
    slow,
    async () => {
      const file = join(world.dataDir, 'rows.csv')
      writeFileSync(file, rowsCsv({ rows: 900, seed: 1 }))
      const pid = world.pidOf('worker-2')
      let isKilled = false
      const onLine = ({ event, round }: Line) => {
        if (isKilled || event !== 'round' || Number(round) < 5) return
        isKilled = true
        process.kill(pid, 'SIGKILL')
      }
      const run = await world.post([file], ['--evaluators', '2'], { onLine })
      const { phase, isBalanced, workers } = summaryOf(run)
      expect({ phase, isBalanced, isKilled }).toEqual({
        phase: 'settled',
        isBalanced: true,
        isKilled: true,
      })
      expect(world.pidOf('worker-2')).not.toBe(pid)
      for (const { paidWei, slashedWei } of workers) {
        expect(slashedWei).toBe(0n)
        expect(paidWei).toBeGreaterThan(0n)
      }
      const log = readFileSync(join(world.dataDir, 'logs', 'worker-2.out.log'), 'utf8')
      expect(log).toContain('"kind":"resumed"')
    },
  )
})
