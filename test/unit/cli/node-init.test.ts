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

  test.each([
    ['GENESIS_MISSING', undefined],
    ['GENESIS_INVALID', '{'],
    ['GENESIS_INVALID', '{"chainId":1}'],
  ])('%s', async (code, text) => {
    const folder = temporaryFolder()
    const path = join(folder, 'chain.json')
    if (text !== undefined) writeFileSync(path, text)
    const run = await init(folder, '--genesis', path)
    expect(run.exitCode).not.toBe(0)
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
