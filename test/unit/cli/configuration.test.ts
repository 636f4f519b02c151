import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { describe, expect, test } from 'vitest'
import {
  addSettingFlags,
  configurationFile,
  readSettings,
  settingRows,
  settingsTable,
} from '#cli/configuration.ts'
import { temporaryFolder } from './temporary.ts'

function readWith(file: unknown, environment = {}, flags = {}) {
  const dataDir = temporaryFolder()
  if (file !== undefined) {
    const text = typeof file === 'string' ? file : JSON.stringify(file)
    writeFileSync(join(dataDir, configurationFile), text)
  }
  return readSettings({ dataDir, environment, flags })
}

describe('readSettings', () => {
  test('a flag beats the environment, which beats the file, which beats the default', () => {
    const file = { threads: 2, rpcPort: 1000, concurrency: 3 }
    const environment = { QUERN_THREADS: '4', QUERN_RPC_PORT: '2000', QUERN_HOME: 'x' }
    const settings = readWith(file, environment, { rpcPort: '3000', other: 'ignored' })
    expect(settings).toMatchObject({ threads: 4, rpcPort: 3000, concurrency: 3, logLevel: 'info' })
  })

  test('every default is valid by its own schema', () => {
    for (const { default: initial, schema } of Object.values(settingRows)) {
      expect(schema.safeParse(initial).success).toBe(true)
    }
    expect(Object.keys(readWith(undefined))).toEqual(Object.keys(settingRows))
  })

  test('an empty variable counts as none', () => {
    expect(readWith({}, { QUERN_THREADS: '' }).threads).toBe(settingRows.threads.default)
  })

  test.each([
    ['a port too high', { rpcPort: 65_536 }, {}, {}],
    ['a number as a text in the file', { threads: '2' }, {}, {}],
    ['an unknown setting', { treads: 2 }, {}, {}],
    ['not JSON', '{', {}, {}],
    ['a list', '[]', {}, {}],
    ['a word for a number', {}, { QUERN_THREADS: 'two' }, {}],
    ['a flag out of range', {}, {}, { threads: '0' }],
    ['a flag that is blank', {}, {}, { threads: ' ' }],
    ['an address without http', {}, { QUERN_RPC_URL: 'localhost:8545' }, {}],
    ['an unknown model', {}, {}, { jobKinds: 'linear,tree' }],
    ['a negative amount', {}, {}, { rewardMin: '-1' }],
  ])('CONFIG_INVALID: %s', (_title, file, environment, flags) => {
    const error = expect.objectContaining({ code: 'CONFIG_INVALID' })
    expect(() => readWith(file, environment, flags)).toThrow(error)
  })

  test('the error names the source and the setting', () => {
    const error = expect.objectContaining({
      fields: expect.objectContaining({ source: 'QUERN_THREADS', setting: 'threads' }),
    })
    expect(() => readWith({}, { QUERN_THREADS: '0' })).toThrow(error)
  })
})

describe('addSettingFlags', () => {
  test('one row gives the flag, its help and its line in the table', () => {
    const command = addSettingFlags(new Command(), ['rpcPort', 'passwordFile'])
    const help = command.helpInformation()
    expect(help).toContain('--rpc-port <value>')
    expect(help).toMatch(/default 8545,\s+QUERN_RPC_PORT/)
    command.parse(['--rpc-port', '9', '--password-file', 'p'], { from: 'user' })
    expect(command.opts()).toEqual({ rpcPort: '9', passwordFile: 'p' })
    for (const name of Object.keys(settingRows))
      expect(settingsTable()).toContain(`| \`${name}\` |`)
  })
})
