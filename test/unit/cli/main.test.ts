import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { writeNetworkFile } from '#cli/network-file.ts'
import packageJson from '#package.json' with { type: 'json' }
import { systemAddresses } from '#wire/addresses.ts'
import { eventsOf, runQuern } from './run-quern.ts'
import { temporaryFolder } from './temporary.ts'

function setUp() {
  const home = temporaryFolder()
  const passwordFile = join(home, 'password')
  writeFileSync(passwordFile, 'secret\n')
  const environment = { QUERN_HOME: join(home, 'quern'), QUERN_PASSWORD_FILE: passwordFile }
  return { home, environment, run: (...args: string[]) => runQuern(args, environment) }
}

describe('quern', () => {
  test('--version prints the version', async () => {
    expect(await runQuern(['--version'])).toEqual({
      exitCode: 0,
      out: `${packageJson.version}\n`,
      err: '',
    })
  })

  test('--help lists the commands', async () => {
    const { exitCode, out } = await runQuern(['--help'])
    expect(exitCode).toBe(0)
    for (const name of ['wallet', 'doctor', 'completions']) expect(out).toContain(`  ${name}`)
  })

  test.each([
    ['an unknown command', ['nonsense']],
    ['an unknown flag', ['doctor', '--nonsense']],
    ['an unknown subcommand', ['wallet', 'nonsense']],
    ['a flag without its value', ['doctor', '--data-dir']],
  ])('exit 2 for %s', async (_title, args) => {
    const { exitCode, out, err } = await runQuern(['--json', ...args])
    expect(exitCode).toBe(2)
    expect(err).toMatch(/error: /)
    expect(JSON.parse(out)).toMatchObject({ event: 'error', code: 'USAGE' })
  })
})

describe('quern verify', () => {
  const jobId = `0x${'1'.repeat(64)}`

  test.each([
    ['JOB_ID_INVALID', ['0x12']],
    ['USAGE', [jobId, '--full', '--sample', '2']],
    ['USAGE', [jobId, '--light', '--full']],
    ['USAGE', [jobId, '--trust', jobId]],
    ['FLAG_INVALID', [jobId, '--sample', '0']],
  ])('%s: %j', async (code, args) => {
    const run = await setUp().run('verify', ...args, '--json')
    expect(run.exitCode).toBe(2)
    expect(eventsOf(run)).toMatchObject([{ event: 'error', code }])
  })

  test.each([
    ['NETWORK_FILE_MISSING', /--rpc-url/, []],
    ['RPC_DOWN', /no node answers at http:\/\/127\.0\.0\.1:9/, ['--rpc-url', 'http://127.0.0.1:9']],
  ])('%s without a file of the network', async (code, said, flags) => {
    const run = await setUp().run('verify', jobId, ...flags, '--json')
    expect(run.exitCode).toBe(4)
    expect(run.err).toMatch(said)
    expect(eventsOf(run)).toMatchObject([{ event: 'error', code }])
  })
})

describe('a call that no node answers', () => {
  test('says what to do', async () => {
    const { home, run } = setUp()
    const network = { chainId: 1, rpcUrl: 'http://127.0.0.1:9', wsUrl: 'ws://127.0.0.1:9' }
    mkdirSync(join(home, 'quern'))
    writeNetworkFile(join(home, 'quern'), {
      ...network,
      bootstrap: [],
      contracts: systemAddresses,
    })
    const { exitCode, err } = await run('validator', 'status', '--account', `0x${'11'.repeat(20)}`)
    expect(exitCode).toBe(4)
    expect(err).toMatch(/RPC_DOWN.*does not answer.*quern status/)
  })
})

describe('quern wallet', () => {
  test('makes, lists and shows an account; --json and --data-dir stand anywhere', async () => {
    const { home, run, environment } = setUp()
    const [made] = eventsOf(await run('wallet', 'new', '--light-kdf', '--name', 'owner', '--json'))
    expect(made).toMatchObject({ event: 'account', name: 'owner' })
    const args = ['--data-dir', join(home, 'quern'), '--json', 'wallet', 'list']
    expect(eventsOf(await runQuern(args, environment))).toEqual([made])
    const shown = await run('wallet', 'show', 'owner', '--private-key', '--json')
    const [secret] = eventsOf(shown)
    expect(secret?.['privateKey']).toMatch(/^0x[0-9a-f]{64}$/)
    const keyFile = join(home, 'key')
    writeFileSync(keyFile, `${String(secret?.['privateKey'])}\n`)
    const imported = await run(
      'wallet',
      'import',
      '--name',
      'copy',
      '--private-key-file',
      keyFile,
      '--json',
    )
    expect(eventsOf(imported)[0]).toMatchObject({ name: 'copy', address: made?.['address'] })
  })

  test('imports a mnemonic’s account', async () => {
    const { home, run } = setUp()
    const words = join(home, 'words')
    writeFileSync(words, 'test test test test test test test test test test test junk\n')
    const result = await run(
      'wallet',
      'import',
      '--light-kdf',
      '--mnemonic-file',
      words,
      '--index',
      '1',
      '--json',
    )
    expect(eventsOf(result)[0]).toMatchObject({
      address: '0x70997970c51812dc3a010c7d01b50e0d17dc79c8',
    })
  })

  test('exit 7 for a wrong or missing password, and nothing is lost', async () => {
    const { home, run, environment } = setUp()
    await run('wallet', 'new', '--light-kdf')
    const wrong = join(home, 'wrong')
    writeFileSync(wrong, 'Secret\n')
    const args = ['wallet', 'show', '--private-key', '--password-file', wrong]
    expect(await run(...args)).toMatchObject({ exitCode: 7, out: '' })
    const asked = await runQuern(['wallet', 'show', '--private-key'], {
      QUERN_HOME: environment.QUERN_HOME,
    })
    expect(asked).toMatchObject({ exitCode: 7, err: expect.stringContaining('PASSWORD_MISSING') })
    expect((await run('wallet', 'show', '--private-key')).exitCode).toBe(0)
  })

  test('clear errors for a missing account, an existing one, a bad key and no file', async () => {
    const { home, run } = setUp()
    await run('wallet', 'new', '--light-kdf')
    expect((await run('wallet', 'show', 'nobody')).err).toContain('ACCOUNT_MISSING')
    expect((await run('wallet', 'new', '--light-kdf')).err).toContain('ACCOUNT_EXISTS')
    const bad = join(home, 'bad')
    writeFileSync(bad, `0x${'00'.repeat(32)}\n`)
    const args = ['wallet', 'import', '--name', 'other', '--private-key-file']
    expect((await run(...args, bad)).err).toContain('KEY_INVALID')
    expect((await run(...args, join(home, 'none'))).err).toContain('FILE_UNREADABLE')
    expect((await run('wallet', 'import', '--name', 'other')).exitCode).toBe(2)
  })
})

describe('quern doctor', () => {
  test('finds this machine fit', async () => {
    const { run } = setUp()
    const result = await run('doctor', '--json')
    const states = Object.fromEntries(eventsOf(result).map(({ name, state }) => [name, state]))
    expect(states).toMatchObject({ node: 'ok', cores: 'ok', 'data directory': 'ok', kernels: 'ok' })
    expect(result.exitCode).toBe(0)
  })

  test('exit 1 when the data directory cannot be used', async () => {
    const { home } = setUp()
    const file = join(home, 'password')
    const { exitCode, err } = await runQuern(['doctor', '--data-dir', join(file, 'x')])
    expect(exitCode).toBe(1)
    expect(err).toContain('data directory')
  })
})

describe('quern completions', () => {
  test('prints a script, which asks for the words that fit', async () => {
    const script = await runQuern(['completions', 'bash'])
    expect(script.out).toContain('quern complete')
    const words = await runQuern(['complete', '--', 'wallet', 'i'])
    expect(words.out).toMatch(/^import\t/m)
    expect(words.out).not.toMatch(/^list\t/m)
  })
})
