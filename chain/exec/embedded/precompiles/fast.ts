import type { Common, CustomCrypto } from '@ethereumjs/common'
import { type EVMOpts, type PrecompileFunc, getActivePrecompiles } from '@ethereumjs/evm'
import { Address } from '@ethereumjs/util'
import { assert } from '#base/assert.ts'
import { fromHex } from '#base/hex.ts'
import { createBlake2f } from './blake2f.ts'
import { createP256Verify } from './p256.ts'
import { createVerifyProof } from './point-evaluation.ts'

/** Precompiles that take the place of the package's own. The curves must be loaded before. */
export function fastPrecompiles(common: Common): NonNullable<EVMOpts['customPrecompiles']> {
  const stock = getActivePrecompiles(common)
  const stockAt = (address: string) => {
    const found = stock.get(address)
    assert(found, 'the rules have this precompile')
    return found
  }
  const replace = (number: number, make: (stock: PrecompileFunc) => PrecompileFunc) => {
    const address = number.toString(16).padStart(40, '0')
    return { address: new Address(fromHex(address)), function: make(stockAt(address)) }
  }
  return [
    replace(0x09, createBlake2f),
    replace(0x0a, (evaluate) => withVerifyProof(evaluate, common)),
    replace(0x100, createP256Verify),
  ]
}

/** The package's point evaluation finds its cryptography in the rules that it is given. */
function withVerifyProof(evaluate: PrecompileFunc, common: Common): PrecompileFunc {
  const { customCrypto } = common
  assert(customCrypto.kzg, 'the chain brings its point evaluation')
  const kzg = { ...customCrypto.kzg, verifyProof: createVerifyProof() }
  const fast: CustomCrypto = { ...customCrypto, kzg }
  const rules = Object.create(common, { customCrypto: { value: fast } }) as Common
  return (options) => evaluate({ ...options, common: rules })
}
