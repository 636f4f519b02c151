import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { completeLock } from '#scripts/lock.ts'

const lockText = readFileSync(new URL('../../../package-lock.json', import.meta.url), 'utf8')

describe('completeLock', () => {
  test('has nothing to add to package-lock.json: "npm ci" takes it as it is', () => {
    expect(JSON.parse(completeLock(lockText))).toEqual(JSON.parse(lockText))
  })

  test('adds a platform package that is named but not there', () => {
    const packages = {
      '': {},
      'node_modules/a': {
        version: '1.0.0',
        dev: true,
        optionalDependencies: { '@a/linux-x64-musl': '1.0.0' },
      },
      'node_modules/a/node_modules/b': { optionalDependencies: { 'b-win32-arm64': '2.0.0' } },
      'node_modules/b-win32-arm64': { version: '2.0.0' },
    }
    const completed = JSON.parse(completeLock(JSON.stringify({ packages }))) as { packages: object }
    expect(completed.packages).toEqual({
      ...packages,
      'node_modules/@a/linux-x64-musl': {
        version: '1.0.0',
        cpu: ['x64'],
        dev: true,
        libc: ['musl'],
        optional: true,
        os: ['linux'],
      },
    })
  })

  test('drops what packages ask of the engine, but for our own', () => {
    const engines = { node: '>=22' }
    const packages = { '': { engines }, 'node_modules/a': { engines, version: '1.0.0' } }
    const completed = JSON.parse(completeLock(JSON.stringify({ packages }))) as unknown
    expect(completed).toEqual({
      packages: { '': { engines }, 'node_modules/a': { version: '1.0.0' } },
    })
  })

  test('refuses to invent what is no platform package', () => {
    const packages = { 'node_modules/a': { optionalDependencies: { b: '^1.0.0' } } }
    expect(() => completeLock(JSON.stringify({ packages }))).toThrow('b@^1.0.0')
  })
})
