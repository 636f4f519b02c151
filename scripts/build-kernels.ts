/**
 * `npm run gen`: compiles compute/exact/kernels to compute/exact/kernels.wasm, which is committed. A path as
 * argument is written instead. The same sources give the same bytes on every machine.
 */
import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { main } from 'assemblyscript/asc'

const root = fileURLToPath(new URL('..', import.meta.url))
const committed = fileURLToPath(new URL('../compute/exact/kernels.wasm', import.meta.url))
const flags =
  'compute/exact/kernels/index.ts --outFile kernels.wasm -O3 --noAssert --runtime stub ' +
  '--enable simd,threads --importMemory --sharedMemory --initialMemory 1 --maximumMemory 65536'

const outputs = new Map<string, Uint8Array | string>()
const { error } = await main([...flags.split(' '), '--baseDir', root], {
  writeFile: (name, contents) => void outputs.set(name, contents),
})
const wasm = outputs.get('kernels.wasm')
if (error || !(wasm instanceof Uint8Array)) {
  throw new Error('the kernels do not compile', { cause: error })
}
await writeFile(process.argv[2] ?? committed, wasm)
