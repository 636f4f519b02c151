/** `npm run gen`: compiles compute/exact/kernels to compute/exact/kernels.wasm, which is committed. */
import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { main } from 'assemblyscript/asc'

const wasmFile = fileURLToPath(new URL('../compute/exact/kernels.wasm', import.meta.url))

function argumentsOf(baseDirectory: string): string[] {
  return (
    'compute/exact/kernels/index.ts --outFile kernels.wasm -O3 --noAssert --runtime stub ' +
    '--enable simd,threads --importMemory --sharedMemory --initialMemory 1 --maximumMemory 65536'
  )
    .split(' ')
    .concat('--baseDir', baseDirectory)
}

/** Compiles the kernels; the same sources give the same bytes on every machine. */
export async function compileKernels(): Promise<Uint8Array> {
  const outputs = new Map<string, Uint8Array | string>()
  const { error } = await main(argumentsOf(fileURLToPath(new URL('..', import.meta.url))), {
    writeFile: (name, contents) => void outputs.set(name, contents),
  })
  const wasm = outputs.get('kernels.wasm')
  if (error || !(wasm instanceof Uint8Array)) {
    throw new Error('the kernels do not compile', { cause: error })
  }
  return wasm
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await writeFile(wasmFile, await compileKernels())
}
