/**
 * `node boot.mjs test/bench/gemm.ts [--json]`: the exact matrix product, per thread, against the same algorithm in C
 * (gemm.c) that clang builds for WebAssembly. Both run in turns in one process; other load slows both. The goal
 * is 0.9 of C. Needs clang and wasm-ld (Debian: clang, lld); says so and ends with 0 where they are missing.
 */
import { spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Kernels, createMemory, instantiateKernels } from '#compute/exact/kernels.ts'
import { readKernels } from '#compute/train/session.ts'

const goal = 0.9
const turns = 40
const flopsPerTurn = 1e8
const memoryBytes = 64 << 20
const flags = [
  '--target=wasm32',
  '-O3',
  '-msimd128',
  '-ffp-contract=off',
  '-nostdlib',
  '-fno-builtin',
  '-Wl,--no-entry',
  `-Wl,--initial-memory=${memoryBytes}`,
]

const sides: readonly (readonly [m: number, n: number, k: number])[] = [
  [512, 512, 512],
  [1024, 512, 128],
  [128, 512, 1024],
  [64, 64, 32],
  [128, 10, 256],
]

type Product = (...args: [...Parameters<Kernels['gemm']>]) => void

interface Side {
  readonly name: 'C' | 'exact'
  readonly gemm: Product
  readonly memory: WebAssembly.Memory
  readonly base: number
}

async function compileC(): Promise<Side | string> {
  const folder = await mkdtemp(join(tmpdir(), 'quern-gemm-'))
  try {
    const source = fileURLToPath(new URL('./gemm.c', import.meta.url))
    const target = join(folder, 'gemm.wasm')
    const built = spawnSync('clang', [...flags, '-o', target, source], { encoding: 'utf8' })
    if (built.error) return 'clang is not installed'
    if (built.status !== 0) return `clang cannot build WebAssembly here: ${built.stderr.trim()}`
    const module = await WebAssembly.compile(new Uint8Array(await readFile(target)))
    const { exports } = new WebAssembly.Instance(module)
    const { gemm, heapBase, memory } = exports as unknown as {
      gemm: Product
      heapBase: () => number
      memory: WebAssembly.Memory
    }
    return { name: 'C', gemm, memory, base: Math.ceil(heapBase() / 64) * 64 }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function exactSide(): Promise<Side> {
  const memory = createMemory(memoryBytes)
  const kernels = instantiateKernels(await WebAssembly.compile(await readKernels()), memory)
  return { name: 'exact', gemm: kernels.gemm, memory, base: 4096 }
}

/** A run of one product, many times, and its result. */
function prepare({ gemm, memory, base }: Side, [m, n, k]: readonly number[], variant: string) {
  const [rows = 0, columns = 0, depth = 0] = [m, n, k]
  const factors = new Float32Array(memory.buffer, base, depth * (rows + columns))
  for (let i = 0; i < factors.length; i += 1) {
    factors[i] = (Math.imul(i, 2654435761) >>> 8) / 2 ** 24 - 0.5
  }
  const b = base + 4 * rows * depth
  const c = b + 4 * columns * depth
  const scratch = c + 4 * rows * columns
  const [aRow, aColumn] = variant.startsWith('T') ? [1, rows] : [depth, 1]
  const [bRow, bColumn] = variant.endsWith('T') ? [1, depth] : [columns, 1]
  const times = Math.max(1, Math.round(flopsPerTurn / (2 * rows * columns * depth)))
  return {
    gigaflops: (2 * rows * columns * depth * times) / 1e6,
    result: () => new Uint32Array(memory.buffer, c, rows * columns),
    run(): number {
      const start = performance.now()
      for (let i = 0; i < times; i += 1) {
        gemm(rows, columns, depth, base, aRow, aColumn, b, bRow, bColumn, c, columns, scratch)
      }
      return performance.now() - start
    },
  }
}

/** Best speed of each side, in GFLOP/s, measured in turns. Throws when the results differ in a bit. */
function compare(all: readonly [Side, Side], side: readonly number[], variant: string) {
  const [c, exact] = [prepare(all[0], side, variant), prepare(all[1], side, variant)]
  let [cMs, exactMs] = [Infinity, Infinity]
  for (let turn = 0; turn < turns; turn += 1) {
    cMs = Math.min(cMs, c.run())
    exactMs = Math.min(exactMs, exact.run())
  }
  const theirs = c.result()
  if (!exact.result().every((bits, i) => bits === theirs[i])) throw new Error('the bits differ')
  const name = `gemm ${side.join('x')} ${variant}`
  return { name, c: c.gigaflops / cMs, exact: exact.gigaflops / exactMs, ratio: cMs / exactMs }
}

const c = await compileC()
if (typeof c === 'string') {
  console.log(`skipped: ${c}. On Debian: apt-get install clang lld`)
} else {
  const all = [c, await exactSide()] as const
  const rows = sides.flatMap((side) => ['NN', 'NT', 'TN'].map((turn) => compare(all, side, turn)))
  for (const { name, c: theirs, exact, ratio } of rows) {
    const figures = [theirs, exact].map((speed) => speed.toFixed(1).padStart(6))
    console.log(`${name.padEnd(26)} C ${figures.join('  exact ')} GFLOP/s  ${ratio.toFixed(2)} x`)
  }
  if (process.argv.includes('--json')) {
    const missed = rows.filter(({ ratio }) => ratio < goal).map(({ name }) => name)
    console.log(JSON.stringify({ rows, goals: { ratio: goal }, missed }))
  }
}
