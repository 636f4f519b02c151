import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { dataDirOf, lockDataDir, makeDataDir, runningPid } from '#cli/data-dir.ts'
import { temporaryFolder } from './temporary.ts'

describe('dataDirOf', () => {
  test('takes the flag, else QUERN_HOME, else the platform’s place', () => {
    expect(dataDirOf('flag', { QUERN_HOME: 'home' })).toBe(resolve('flag'))
    expect(dataDirOf(undefined, { QUERN_HOME: 'home' })).toBe(resolve('home'))
    expect(dataDirOf(undefined, { QUERN_HOME: '' })).toMatch(/quern/)
  })

  test('DATA_DIR_UNUSABLE: below a file, and where the system refuses', () => {
    const file = join(temporaryFolder(), 'file')
    writeFileSync(file, '')
    const error = expect.objectContaining({ code: 'DATA_DIR_UNUSABLE' })
    expect(() => makeDataDir(join(file, 'inside'))).toThrow(error)
    if (process.platform === 'linux') expect(() => makeDataDir('/proc/a/b')).toThrow(error)
  })
})

describe('lockDataDir', () => {
  const deadPid = () => spawnSync(process.execPath, ['-e', '']).pid

  test('writes the pid, and leaves nothing after release', () => {
    const dataDir = join(temporaryFolder(), 'new', 'folder')
    const lock = lockDataDir(dataDir)
    expect(readFileSync(join(dataDir, 'daemon.pid'), 'utf8')).toBe(`${process.pid}\n`)
    expect(runningPid(dataDir)).toBe(process.pid)
    lock.release()
    expect(readdirSync(dataDir)).toEqual([])
    expect(runningPid(dataDir)).toBeUndefined()
  })

  test('DATA_DIR_LOCKED while its owner lives', () => {
    const dataDir = temporaryFolder()
    lockDataDir(dataDir)
    const fields = expect.objectContaining({ pid: process.pid, dataDir })
    const error = expect.objectContaining({ code: 'DATA_DIR_LOCKED', fields })
    expect(() => lockDataDir(dataDir)).toThrow(error)
    expect(runningPid(dataDir)).toBe(process.pid)
  })

  test('takes over the lock of a process that has died', () => {
    const dataDir = temporaryFolder()
    writeFileSync(join(dataDir, 'lock'), `${deadPid()} 1\n`)
    expect(runningPid(dataDir)).toBeUndefined()
    lockDataDir(dataDir)
    expect(runningPid(dataDir)).toBe(process.pid)
  })

  test.runIf(process.platform === 'linux')('takes over when the pid now belongs to another', () => {
    const dataDir = temporaryFolder()
    writeFileSync(join(dataDir, 'lock'), `${process.ppid} 1\n`)
    lockDataDir(dataDir)
    expect(runningPid(dataDir)).toBe(process.pid)
  })

  test('takes over a lock that a crash left empty', () => {
    const dataDir = temporaryFolder()
    writeFileSync(join(dataDir, 'lock'), '')
    lockDataDir(dataDir)
    expect(runningPid(dataDir)).toBe(process.pid)
  })

  test('releases only what is its own', () => {
    const dataDir = temporaryFolder()
    const lock = lockDataDir(dataDir)
    writeFileSync(join(dataDir, 'lock'), `${process.pid} other\n`)
    lock.release()
    expect(existsSync(join(dataDir, 'lock'))).toBe(true)
  })
})
