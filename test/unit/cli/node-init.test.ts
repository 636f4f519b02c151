import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { developmentGenesisOf } from '#cli/local-validators.ts'
import { eventsOf, runQuern } from './run-quern.ts'
import { temporaryFolder } from './temporary.ts'

const init = (dataDir: string, ...args: string[]) =>
  runQuern(['--json', '--data-dir', dataDir, 'node', 'init', ...args])

describe('quern node init', () => {
  test('keeps the genesis, and prints what others need to know of this node', async () => {
    const folder = temporaryFolder()
    const genesis = await developmentGenesisOf(2)
    const path = join(folder, 'chain.json')
    writeFileSync(path, JSON.stringify(genesis))
    const dataDir = join(folder, 'node')
    const run = await init(dataDir, '--genesis', path, '--validator', 'dev:0')
    expect(run.exitCode).toBe(0)
    const [event] = eventsOf(run)
    expect(event).toMatchObject({ event: 'initialised', validator: genesis.validators?.[0] })
    expect(event?.['peerId']).toMatch(/^12D3Koo/)
    expect(JSON.parse(readFileSync(join(dataDir, 'genesis.json'), 'utf8'))).toEqual(genesis)
    const again = await init(dataDir)
    expect(eventsOf(again)[0]?.['peerId']).toBe(event?.['peerId'])
  })

  test('writes the genesis for an execution client, where its blocks need no call of ours', async () => {
    const folder = temporaryFolder()
    const [path, clientPath] = [join(folder, 'chain.json'), join(folder, 'client.json')]
    const { recorder, ...genesis } = await developmentGenesisOf(1)
    const args = ['--genesis', path, '--client-genesis', clientPath]
    writeFileSync(path, JSON.stringify({ ...genesis, recorder }))
    const refused = await init(join(folder, 'node'), ...args)
    expect(eventsOf(refused).at(-1)).toMatchObject({ event: 'error', code: 'ENGINE_RECORDER' })
    writeFileSync(path, JSON.stringify(genesis))
    expect((await init(join(folder, 'node'), ...args)).exitCode).toBe(0)
    const written = JSON.parse(readFileSync(clientPath, 'utf8')) as Record<string, object>
    expect(written).toMatchObject({ config: { chainId: genesis.chainId } })
    const codes = Object.values(written['alloc'] ?? {}).filter(({ code }) => code !== '0x')
    expect(codes.length).toBeGreaterThan(genesis.contracts.length)
  })

  test.each([
    [['--engine', 'http://127.0.0.1:1'], 'ENGINE_FLAGS'],
    [['--jwt', 'secret'], 'ENGINE_FLAGS'],
    [['--engine', 'nowhere', '--jwt', 'secret'], 'ENGINE_FLAGS'],
    [['--engine', 'http://127.0.0.1:1', '--jwt', 'missing'], 'JWT_SECRET_INVALID'],
  ])('a start with %j is refused: %s', async (flags, code) => {
    const start = ['--json', '--data-dir', temporaryFolder(), 'node', 'start', ...flags]
    const run = await runQuern(start)
    expect(run.exitCode).toBe(2)
    expect(eventsOf(run).at(-1)).toMatchObject({ event: 'error', code })
  })

  test.each([
    ['GENESIS_MISSING', undefined],
    ['GENESIS_INVALID', '{'],
    ['GENESIS_INVALID', '{"chainId":1}'],
  ])('%s', async (code, text) => {
    const folder = temporaryFolder()
    const path = join(folder, 'chain.json')
    if (text !== undefined) writeFileSync(path, text)
    const run = await init(folder, '--genesis', path)
    expect(run.exitCode).toBe(3)
    expect(run.err).toContain(path)
    expect(eventsOf(run).at(-1)).toMatchObject({ event: 'error', code })
    expect(existsSync(join(folder, 'genesis.json'))).toBe(false)
  })

  test('GENESIS_MISMATCH, POSSESSION_FALSE', async () => {
    const folder = temporaryFolder()
    const path = join(folder, 'chain.json')
    const [two, three] = [await developmentGenesisOf(2), await developmentGenesisOf(3)]
    writeFileSync(path, JSON.stringify(two))
    expect((await init(folder, '--genesis', path)).exitCode).toBe(0)
    writeFileSync(path, JSON.stringify(three))
    const other = await init(folder, '--genesis', path)
    expect(eventsOf(other).at(-1)).toMatchObject({ code: 'GENESIS_MISMATCH' })
    const [first, second] = two.validators ?? []
    const stolen = [first, { ...second, possession: first?.possession }]
    writeFileSync(path, JSON.stringify({ ...two, validators: stolen }))
    const thief = await init(folder, '--genesis', path)
    expect(eventsOf(thief).at(-1)).toMatchObject({ code: 'POSSESSION_FALSE' })
  })
})
