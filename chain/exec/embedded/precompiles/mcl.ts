import { createRequire } from 'node:module'
import mcl from 'mcl-wasm'

export type Mcl = typeof mcl

/** The library on BLS12-381. */
export async function openBls(): Promise<Mcl> {
  await mcl.init(mcl.BLS12_381)
  return mcl
}

/** The library on the curve of EIP-196: which curve it works on is a state of the module, so this is a copy. */
export async function openBn254(): Promise<Mcl> {
  const require = createRequire(import.meta.url)
  const entry = require.resolve('mcl-wasm')
  const folder = entry.slice(0, -'index.js'.length)
  const first = new Map(Object.entries(require.cache).filter(([path]) => path.startsWith(folder)))
  for (const path of first.keys()) delete require.cache[path]
  const copy = require('mcl-wasm') as Mcl
  for (const [path, module] of first) require.cache[path] = module
  await copy.init(copy.BN_SNARK1)
  return copy
}
