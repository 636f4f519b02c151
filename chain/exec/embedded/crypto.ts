import { createRequire } from 'node:module'
import { createKeccak } from 'hash-wasm'
import { AppError } from '#base/error.ts'

/** The two functions a block spends most of its time in, in their fastest form on this machine. */
export interface FastCrypto {
  readonly recoverer: 'native' | 'wasm'
  readonly keccak256: (bytes: Uint8Array) => Uint8Array
  /** The 64-byte public key that signed `digest`; throws where there is none. */
  readonly recover: (digest: Uint8Array, signature: Uint8Array, recovery: number) => Uint8Array
}

type Recover = FastCrypto['recover']

/**
 * Loads WebAssembly Keccak and the native secp256k1 binding, or its WebAssembly stand-in. Never the
 * package's own entry: it falls back to a recovery twenty times slower without a word.
 */
export async function loadCrypto(
  options: { readonly recoverer?: FastCrypto['recoverer'] } = {},
): Promise<FastCrypto> {
  const hasher = await createKeccak(256)
  const keccak256 = (bytes: Uint8Array) => hasher.init().update(bytes).digest('binary')
  const native = options.recoverer === 'wasm' ? undefined : nativeRecover()
  if (native !== undefined) return { recoverer: 'native', keccak256, recover: native }
  if (options.recoverer === 'native') throw new AppError({ code: 'NATIVE_RECOVERY_MISSING' })
  return { recoverer: 'wasm', keccak256, recover: await wasmRecover() }
}

function nativeRecover(): Recover | undefined {
  const require = createRequire(import.meta.url)
  try {
    const binding = require('secp256k1/bindings.js') as {
      ecdsaRecover(s: Uint8Array, r: number, d: Uint8Array, compressed: boolean): Uint8Array
    }
    return (digest, signature, recovery) =>
      binding.ecdsaRecover(signature, recovery, digest, false).subarray(1)
  } catch {
    return undefined // no prebuilt binding for this platform
  }
}

async function wasmRecover(): Promise<Recover> {
  const curve = await import('tiny-secp256k1')
  return (digest, signature, recovery) => {
    const key = curve.recover(digest, signature, recovery as 0 | 1 | 2 | 3, false)
    if (key === null) throw new AppError({ code: 'SIGNATURE_INVALID' })
    return key.subarray(1)
  }
}
