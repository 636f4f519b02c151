import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { privateKeyToAddress } from 'viem/accounts'
import { describe, expect, test } from 'vitest'
import { addressOf } from '#base/crypto/keys.ts'
import { scryptLight } from '#base/crypto/keystore.ts'
import { toHex } from '#base/hex.ts'
import { findAccount, listAccounts, loadAccount, saveAccount } from '#cli/accounts.ts'
import { accountOfMnemonic, devAccount } from '#cli/mnemonic.ts'
import { temporaryFolder } from './temporary.ts'

const privateKey = new Uint8Array(32).fill(7)
const address = addressOf(privateKey)
const light = { scrypt: scryptLight }

describe('saveAccount', () => {
  test('keeps an account that is found by name and address, and opens with its password', async () => {
    const dataDir = temporaryFolder()
    await saveAccount(dataDir, { name: 'owner', privateKey, password: 'p' }, light)
    const [account] = listAccounts(dataDir)
    expect(account).toMatchObject({ name: 'owner', address })
    expect(findAccount(dataDir, 'owner')).toEqual(account)
    expect(findAccount(dataDir, address.toUpperCase().replace('0X', '0x'))).toEqual(account)
    expect(await loadAccount(dataDir, { name: 'owner', password: 'p' })).toEqual(privateKey)
    expect(statSync(account?.path as string).mode & 0o077).toBe(0)
  })

  test('ACCOUNT_EXISTS: nothing is overwritten', async () => {
    const dataDir = temporaryFolder()
    const account = await saveAccount(dataDir, { name: 'a', privateKey, password: 'p' }, light)
    const before = readFileSync(account.path, 'utf8')
    const again = saveAccount(dataDir, { name: 'a', privateKey, password: 'q' }, light)
    await expect(again).rejects.toMatchObject({ code: 'ACCOUNT_EXISTS' })
    expect(readFileSync(account.path, 'utf8')).toBe(before)
  })

  test.each(['../escape', '', 'A', 'a/b', '-a', 'a'.repeat(65)])(
    'ACCOUNT_NAME_INVALID: "%s"',
    async (name) => {
      const saving = saveAccount(temporaryFolder(), { name, privateKey, password: 'p' }, light)
      await expect(saving).rejects.toMatchObject({ code: 'ACCOUNT_NAME_INVALID' })
    },
  )

  test('ACCOUNT_MISSING, WRONG_PASSWORD, KEYSTORE_INVALID', async () => {
    const dataDir = temporaryFolder()
    expect(listAccounts(dataDir)).toEqual([])
    const missing = loadAccount(dataDir, { name: 'none', password: 'p' })
    await expect(missing).rejects.toMatchObject({ code: 'ACCOUNT_MISSING' })
    await saveAccount(dataDir, { name: 'a', privateKey, password: 'p' }, light)
    const wrong = loadAccount(dataDir, { name: 'a', password: 'q' })
    await expect(wrong).rejects.toMatchObject({ code: 'WRONG_PASSWORD' })
    writeFileSync(join(dataDir, 'keystore', 'b.json'), '{}')
    expect(() => listAccounts(dataDir)).toThrow(
      expect.objectContaining({ code: 'KEYSTORE_INVALID' }),
    )
  })
})

describe('devAccount', () => {
  test('is an account of the mnemonic that every test tool knows', () => {
    const first = devAccount(0, 78_787)
    expect(first.address).toBe('0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266')
    expect(privateKeyToAddress(toHex(first.privateKey)).toLowerCase()).toBe(first.address)
    expect(devAccount(1, 78_787).address).not.toBe(first.address)
  })

  test.each([1, 11_155_111, 31_337])('DEV_ACCOUNT_REFUSED on chain %i', (chainId) => {
    const error = expect.objectContaining({ code: 'DEV_ACCOUNT_REFUSED' })
    expect(() => devAccount(0, chainId)).toThrow(error)
  })

  test('MNEMONIC_INVALID', () => {
    const error = expect.objectContaining({ code: 'MNEMONIC_INVALID' })
    expect(() => accountOfMnemonic('test test test', 0)).toThrow(error)
  })
})
