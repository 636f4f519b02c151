import { type Common, Hardfork, Mainnet, createCustomCommon } from '@ethereumjs/common'
import type { FastCrypto } from './crypto.ts'
import { pointEvaluation } from './kzg.ts'

/**
 * The rules of a chain at Osaka. One object serves every transaction: the library copies it for each and
 * merges its parameters each time, which costs more than a transfer, so both are made to happen once.
 */
export function createChainCommon(chainId: number, crypto: FastCrypto): Common {
  const common = createCustomCommon({ name: 'quern', chainId }, Mainnet, {
    hardfork: Hardfork.Osaka,
    customCrypto: {
      keccak256: crypto.keccak256,
      kzg: pointEvaluation,
      ecrecover: (digest, v, ...[r, s, id]) =>
        crypto.recover(digest, joinSignature(r, s), recoveryOf(v, id)),
    },
  })
  const merged = new Set<object>()
  const updateParams = common.updateParams.bind(common)
  common.updateParams = (params) => {
    if (merged.has(params)) return
    merged.add(params)
    updateParams(params)
  }
  common.copy = () => common
  return common
}

function joinSignature(r: Uint8Array, s: Uint8Array): Uint8Array {
  const signature = new Uint8Array(64)
  signature.set(r, 32 - r.length)
  signature.set(s, 64 - s.length)
  return signature
}

function recoveryOf(v: bigint, chainId: bigint | undefined): number {
  if (v === 0n || v === 1n) return Number(v)
  if (chainId === undefined || v === 27n || v === 28n) return Number(v - 27n)
  return Number(v - (chainId * 2n + 35n))
}
