import { readFile } from 'node:fs/promises'
import { engineIdOf } from '#compute/exact/kernels.ts'
import type { Hex } from '#wire/primitives.ts'

/** The id of this installation's exact engine. */
export async function exactEngineId(): Promise<Hex> {
  const wasm = await readFile(new URL('../compute/exact/kernels.wasm', import.meta.url))
  return engineIdOf(new Uint8Array(wasm))
}
