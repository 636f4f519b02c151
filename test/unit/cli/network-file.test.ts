import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  hasNetworkFile,
  networkFileName,
  readNetworkFile,
  writeNetworkFile,
} from '#cli/network-file.ts'
import { systemAddresses } from '#wire/addresses.ts'
import { temporaryFolder } from './temporary.ts'

const network = {
  chainId: 78787,
  rpcUrl: 'http://127.0.0.1:8545',
  wsUrl: 'ws://127.0.0.1:8546',
  bootstrap: ['/ip4/127.0.0.1/tcp/4001'],
  contracts: systemAddresses,
}

describe('readNetworkFile', () => {
  test('reads what was written', () => {
    const dataDir = temporaryFolder()
    writeNetworkFile(dataDir, network)
    expect(readNetworkFile(dataDir)).toEqual(network)
  })

  test('NETWORK_FILE_MISSING', () => {
    expect(hasNetworkFile(temporaryFolder())).toBe(false)
    const error = expect.objectContaining({ code: 'NETWORK_FILE_MISSING' })
    expect(() => readNetworkFile(temporaryFolder())).toThrow(error)
  })

  test.each([
    ['not JSON', '{'],
    ['no chain id', { ...network, chainId: undefined }],
    ['a file address as RPC', { ...network, rpcUrl: 'file:///etc/passwd' }],
    ['an address too short', { ...network, contracts: { JobManager: '0x12' } }],
    ['an unknown field', { ...network, more: 1 }],
  ])('NETWORK_FILE_INVALID: %s', (_title, content) => {
    const dataDir = temporaryFolder()
    const text = typeof content === 'string' ? content : JSON.stringify(content)
    writeFileSync(join(dataDir, networkFileName), text)
    const message = expect.stringMatching(/network\.json is damaged: .+; start .*quern up/)
    const error = expect.objectContaining({ code: 'NETWORK_FILE_INVALID', message })
    expect(() => readNetworkFile(dataDir)).toThrow(error)
  })
})
