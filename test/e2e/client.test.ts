import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { scryptLight } from '#base/crypto/keystore.ts'
import { createReader } from '#chain/client/transactor.ts'
import { saveAccount } from '#cli/accounts.ts'
import { accessOf } from '#cli/compose.ts'
import { lockDataDir } from '#cli/data-dir.ts'
import { devRoles } from '#cli/dev-roles.ts'
import { exitCodes } from '#cli/exit-codes.ts'
import { devAccount } from '#cli/mnemonic.ts'
import { type Network, networkSchema } from '#cli/network-file.ts'
import { launchChromium } from '#test/unit/compute/browser.ts'
import { devChainId } from '#wire/addresses.ts'
import { bundleLightPage, openLightPage, provenIn, viewOfJob } from './light-browser.ts'
import { type LocalWorld, type Run, quern, startWorld, summaryOf } from './local-world.ts'
import { lyingRpc } from './lying-rpc.ts'
import { rowsCsv } from './rows.ts'

const { address: client } = devAccount(devRoles.client, devChainId)
let world: LocalWorld
let network: Network
let file: string
let job: Run
let directories = 0

beforeAll(async () => {
  world = await startWorld(['--workers', '1', '--evaluators', '1'])
  const text = readFileSync(join(world.dataDir, 'network.json'), 'utf8')
  network = networkSchema.parse(JSON.parse(text))
  file = join(world.dataDir, 'rows.csv')
  writeFileSync(file, rowsCsv({ rows: 200, seed: 2 }))
  job = await world.post([file, file], ['--workers', '1', '--evaluators', '1'])
}, 300_000)

afterAll(() => world?.stop(), 60_000)

/** A stranger's data directory: it knows the network file alone, changed as given. */
function strangerDir(changes: Partial<Network> = {}): string {
  directories += 1
  const dataDir = join(world.dataDir, `stranger-${directories}`)
  mkdirSync(dataDir)
  writeFileSync(join(dataDir, 'network.json'), JSON.stringify({ ...network, ...changes }))
  return dataDir
}

/** One with an account of its own, and a file with this password. */
async function payerDir(changes: Partial<Network>, password: string): Promise<string> {
  const dataDir = strangerDir(changes)
  const privateKey = new Uint8Array(32).fill(7)
  const account = { name: 'payer', privateKey, password: 'right' }
  await saveAccount(dataDir, account, { scrypt: scryptLight })
  writeFileSync(join(dataDir, 'password'), `${password}\n`)
  return dataDir
}

const balanceWei = () =>
  createReader(accessOf(network)).read<bigint>('TrainToken', 'balanceOf', [client])

describe('a finished job', () => {
  test('settles in a market of one worker and one evaluator, over two files as one', () => {
    expect(job.exitCode, job.err).toBe(0)
    const offer = job.lines.find(({ event }) => event === 'offer')?.['lines'] as string[]
    expect(offer.join('\n')).toMatch(/rows +320 to train on, 80 held out/)
    expect(summaryOf(job)).toMatchObject({ phase: 'settled', isBalanced: true })
  })

  test('is listed, shown, watched and verified by a stranger', { timeout: 240_000 }, async () => {
    const dataDir = strangerDir()
    const { jobId, modelHash } = summaryOf(job)
    const list = await quern(['job', 'list'], { dataDir })
    expect(list.lines).toMatchObject([{ event: 'job', jobId, phase: 'settled' }])
    const show = await quern(['job', 'show', jobId], { dataDir })
    expect(show.lines).toMatchObject([{ event: 'job', jobId, verdict: { modelHash } }])
    const watch = await quern(['job', 'watch', jobId], { dataDir })
    expect(summaryOf(watch)).toEqual(summaryOf(job))
    const verify = await quern(['verify', jobId, '--sample', '1'], { dataDir })
    expect(verify.exitCode, verify.err).toBe(0)
    expect(verify.lines.at(-1)).toMatchObject({ event: 'verified', modelHash })
    const status = await quern(['status'], { dataDir })
    expect(status.lines.at(-1)).toMatchObject({ event: 'status', jobs: 1, openJobs: 0 })
  })

  test('is verified by who knows a node and a peer alone', { timeout: 240_000 }, async () => {
    const dataDir = mkdtempSync(join(world.dataDir, 'nothing-'))
    const { jobId, modelHash } = summaryOf(job)
    const [rpcUrl, trust] = [
      ['--rpc-url', network.rpcUrl],
      ['--trust', `${network.genesisRoot}`],
    ]
    const ways = [
      ['--full', '--bootstrap', network.bootstrap[0]!],
      ['--light', ...trust],
    ]
    for (const flags of ways) {
      const run = await quern(['verify', jobId, ...rpcUrl, ...flags], { dataDir })
      expect(run.exitCode, run.err).toBe(0)
      expect(run.lines.at(-1)).toMatchObject({ event: 'verified', modelHash })
    }
    const post = await quern(['job', 'post', file, '--yes', ...rpcUrl], { dataDir })
    expect(post.lines.at(-1)).toMatchObject({ event: 'error', code: 'NETWORK_FILE_MISSING' })
  })

  test('is refused where the node tells of another model', { timeout: 240_000 }, async () => {
    const dataDir = strangerDir()
    const { jobId, modelHash } = summaryOf(job)
    const liar = await lyingRpc(network.rpcUrl, [String(modelHash).slice(2), 'ab'.repeat(32)])
    try {
      for (const replay of [['--sample', '1'], ['--full']]) {
        const flags = [...replay, '--rpc-url', liar.url]
        const verify = await quern(['verify', jobId, ...flags], { dataDir })
        expect(verify.exitCode).not.toBe(0)
        expect(verify.lines.at(-1)).toMatchObject({ event: 'error', code: 'VERIFY_FAILED' })
      }
    } finally {
      await liar.close()
    }
  })

  test('is proven by signatures of validators, and not with another genesis', async () => {
    const dataDir = strangerDir()
    const { jobId, modelHash } = summaryOf(job)
    const light = await quern(['verify', jobId, '--light'], { dataDir })
    expect(light.exitCode, light.err).toBe(0)
    expect(light.lines).toMatchObject([
      { event: 'proven', claim: 'finality', signerCount: 1, validatorCount: 1 },
      { event: 'note', note: expect.stringContaining('development chain') },
      { event: 'verified', status: 'settled', agreedCount: 1, modelHash },
    ])
    const other = await quern(['verify', jobId, '--light', '--trust', jobId], { dataDir })
    expect(other.exitCode).toBe(exitCodes.mismatch)
    expect(other.lines.at(-1)).toMatchObject({ event: 'error', code: 'CHECKPOINT_MISMATCH' })
    const none = await quern(['verify', jobId, '--light', '--trust', '0x12'], { dataDir })
    expect(none.lines.at(-1)).toMatchObject({ event: 'error', code: 'TRUST_MISSING' })
  })

  test('is proven in a browser by less than 500 kB of code', async ({ skip }) => {
    const browser = await launchChromium()
    if ('reason' in browser) return skip(browser.reason)
    try {
      const code = await bundleLightPage()
      expect(code.length).toBeLessThan(500_000)
      const page = await openLightPage(browser, code)
      const view = await viewOfJob(network, summaryOf(job).jobId)
      const proof = (told: object) => provenIn(page, network, { ...view, ...told })
      expect(await proof({})).toMatchObject({ status: 'settled', agreedCount: 1 })
      const metricMicros = view.verdict!.metricMicros + 1n
      const better = { verdict: { ...view.verdict!, metricMicros } }
      expect(await proof(better)).toMatchObject({ status: 'settled', agreedCount: 0 })
      expect(await proof({ phase: 'running' })).toEqual({ code: 'LIGHT_MISMATCH' })
    } finally {
      await browser.close()
    }
  })

  test('gives a model that predicts rows it has not seen', { timeout: 120_000 }, async () => {
    const dataDir = strangerDir()
    const model = join(dataDir, 'model')
    const { jobId, modelHash } = summaryOf(job)
    const result = await quern(['job', 'result', jobId, '--out', model], { dataDir })
    expect(result.exitCode, result.err).toBe(0)
    expect(result.lines.at(-1)).toMatchObject({ event: 'result', modelHash, directory: model })
    const fresh = join(dataDir, 'fresh.csv')
    const rows = rowsCsv({ rows: 60, seed: 99 }).trim().split('\n')
    writeFileSync(fresh, rows.map((row) => row.split(',').slice(0, 2).join(',')).join('\n'))
    const predicted = await quern(['predict', model, fresh], { dataDir })
    expect(predicted.exitCode, predicted.err).toBe(0)
    const labels = predicted.lines.map(({ label }) => label)
    const truth = rows.slice(1).map((row) => row.split(',')[2])
    expect(labels).toHaveLength(60)
    expect(labels.filter((label, i) => label === truth[i]).length).toBeGreaterThanOrEqual(57)

    writeFileSync(join(model, 'manifest.json'), '{}')
    const altered = await quern(['predict', model, fresh], { dataDir })
    expect(altered.exitCode).not.toBe(exitCodes.done)
    expect(altered.err).toMatch(/MANIFEST|MODEL/)
    const missing = await quern(['predict', join(dataDir, 'none'), fresh], { dataDir })
    expect(missing.exitCode).toBe(exitCodes.input)
    expect(missing.err).toContain('MODEL_MISSING')
  })

  test('pays a stake that its owners can see', { timeout: 60_000 }, async () => {
    const dataDir = strangerDir()
    const owner = `dev:${devRoles.evaluatorOwner(0)}`
    const status = await quern(['evaluator', 'status', '--owner', owner], { dataDir })
    const [{ paidWei } = { paidWei: 0n }] = summaryOf(job).evaluators
    const earned = { earningsWei: paidWei.toString(), lockedWei: '0', isRegistered: true }
    expect(status.lines.at(-1)).toMatchObject({ event: 'evaluator', ...earned })
  })
})

describe('a job that nobody takes', () => {
  test('is cancelled, and all of the escrow comes back', { timeout: 120_000 }, async () => {
    const beforeWei = await balanceWei()
    const cancels: Promise<Run>[] = []
    const flags = ['--workers', '8', '--evaluators', '1', '--volunteer-seconds', '300']
    const post = await world.post([file], flags, {
      onLine: ({ event, jobId }) => {
        if (event !== 'posted') return
        const args = ['job', 'cancel', String(jobId), '--account', `dev:${devRoles.client}`]
        cancels.push(quern(args, { dataDir: strangerDir() }))
      },
    })
    const [cancel] = await Promise.all(cancels)
    expect(cancel?.exitCode, cancel?.err).toBe(0)
    expect(post.exitCode).toBe(exitCodes.failed)
    expect(post.err).toContain('JOB_FAILED')
    expect(post.lines.findLast(({ event }) => event === 'summary')).toMatchObject({
      phase: 'cancelled',
      isBalanced: true,
    })
    const earnings = await createReader(accessOf(network)).read<{ earningsGwei: bigint }>(
      'Staking',
      'accountOf',
      [client],
    )
    expect((await balanceWei()) + earnings.earningsGwei * 10n ** 9n).toBeGreaterThanOrEqual(
      beforeWei,
    )
  })
})

interface Trouble {
  readonly dataDir?: () => string | Promise<string>
  readonly flags?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly exitCode: number
  readonly words: RegExp
}

const troubles: Readonly<Record<string, Trouble>> = {
  'a reward above the balance': {
    flags: ['--reward', '999999999999'],
    exitCode: exitCodes.failed,
    words: /BALANCE_TOO_LOW.*has .* TRAIN, the escrow needs.*--reward/s,
  },
  'a wrong password': {
    dataDir: () => payerDir({}, 'wrong'),
    flags: ['--account', 'payer', '--password-file', 'password'],
    exitCode: exitCodes.password,
    words: /WRONG_PASSWORD/,
  },
  'a network file of another chain': {
    dataDir: () => payerDir({ chainId: 1 }, 'right'),
    flags: ['--account', 'payer', '--password-file', 'password'],
    exitCode: exitCodes.unreachable,
    words: /WRONG_CHAIN/,
  },
  'a node that is down': {
    flags: ['--rpc-url', 'http://127.0.0.1:9'],
    exitCode: exitCodes.unreachable,
    words: /RPC_DOWN.*127\.0\.0\.1:9.*quern up/s,
  },
  'a store that is full': {
    flags: ['--artifact-gib-max', '0.000001'],
    exitCode: exitCodes.failed,
    words: /BLOCKSTORE_FULL.*--artifact-gib-max/s,
  },
  'a data directory in use by another client': {
    dataDir: () => {
      const dataDir = strangerDir()
      lockDataDir(join(dataDir, 'client'))
      return dataDir
    },
    exitCode: exitCodes.locked,
    words: /DATA_DIR_LOCKED/,
  },
}

describe('quern job post says what is wrong and takes nothing', () => {
  test.each(Object.entries(troubles))('%s', { timeout: 120_000 }, async (_name, trouble) => {
    const beforeWei = await balanceWei()
    const dataDir = (await trouble.dataDir?.()) ?? strangerDir()
    const flags = (trouble.flags ?? []).map((flag) =>
      flag === 'password' ? join(dataDir, flag) : flag,
    )
    const run = await quern(['job', 'post', file, '--yes', '--workers', '1', ...flags], { dataDir })
    expect(run.err).toMatch(trouble.words)
    expect(run.exitCode).toBe(trouble.exitCode)
    expect(run.lines.at(-1)).toMatchObject({ event: 'error' })
    expect(run.lines.map(({ event }) => event)).not.toContain('posted')
    expect(await balanceWei()).toBe(beforeWei)
  })
})

describe('commands that only look', () => {
  const looks = [
    'status',
    'job list',
    'job show id',
    'job result id',
    'verify id',
    'dispute status',
  ]

  test.each(looks)('%s: exit 4 without a node, and on another chain', async (words) => {
    const args = words.split(' ').map((word) => (word === 'id' ? summaryOf(job).jobId : word))
    const [down, other] = await Promise.all([
      quern([...args, '--rpc-url', 'http://127.0.0.1:9'], { dataDir: strangerDir() }),
      quern(args, { dataDir: strangerDir({ chainId: 1 }) }),
    ])
    expect(down.err).toContain('RPC_DOWN')
    expect(other.err).toContain('WRONG_CHAIN')
    for (const { exitCode } of [down, other]) expect(exitCode).toBe(exitCodes.unreachable)
  })

  test.each([
    ['is no job', 'nonsense', 'JOB_ID_INVALID', exitCodes.usage],
    ['nobody posted', `0x${'0'.repeat(64)}`, 'JOB_UNKNOWN', exitCodes.failed],
  ])('a job id that %s', async (_name, id, code, exitCode) => {
    for (const words of [['job', 'show'], ['verify'], ['dispute', 'status']]) {
      const run = await quern([...words, id], { dataDir: strangerDir() })
      expect(run.err).toContain(code)
      expect(run.exitCode).toBe(exitCode)
    }
  })
})

/** Flips a bit in every block that the parts of the world hold. */
function alterBlocks(): number {
  const blocks = readdirSync(world.dataDir, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\/blocks\/.*\.data$/.test(path))
    .map((path) => join(world.dataDir, path))
  for (const path of blocks) {
    const bytes = readFileSync(path)
    bytes[0] = (bytes[0] ?? 0) ^ 1
    writeFileSync(path, bytes)
  }
  return blocks.length
}

test(
  'artifacts that nobody has, or that were altered everywhere, are missed, not believed',
  { timeout: 240_000 },
  async () => {
    const { jobId } = summaryOf(job)
    const tryIn = async (dataDir: string) => {
      const out = join(dataDir, 'model')
      const run = await quern(['job', 'result', jobId, '--out', out], { dataDir })
      expect(run.err).toContain('ARTIFACT_MISSING')
      expect(run.exitCode).toBe(exitCodes.unreachable)
      expect(existsSync(out)).toBe(false)
    }
    expect(alterBlocks()).toBeGreaterThan(3)
    await Promise.all([tryIn(strangerDir({ bootstrap: [] })), tryIn(strangerDir())])
  },
)
