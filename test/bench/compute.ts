/**
 * `node boot.mjs test/bench/compute.ts`: speed of the exact engine on this machine. Steps a second are the best
 * of many single steps, with and without hashing of each state; other load makes them smaller.
 */
import { readKernels } from '#compute/train/session.ts'
import { createEngine } from '#compute/exact/engine.ts'
import { createMemory, instantiateKernels } from '#compute/exact/kernels.ts'
import { createThreadTeam } from '#compute/exact/thread-team.ts'
import { knownSpecs } from '../unit/compute/known-answer.ts'

const wasm = await readKernels()
const stepsTimed = 100

/** Best time of `count` runs, in ms. */
function bestMs(count: number, run: () => void): number {
  let best = Infinity
  for (let i = 0; i < count; i += 1) {
    const start = performance.now()
    run()
    best = Math.min(best, performance.now() - start)
  }
  return best
}

for (const [name, spec] of Object.entries(knownSpecs)) {
  for (const threads of [1, 2]) {
    const engine = await createEngine(spec, wasm, { threads, createTeam: createThreadTeam })
    engine.initialize(`0x${'5a'.repeat(32)}`)
    for (let i = 0; i < engine.x.length; i += 1)
      engine.x[i] = (Math.imul(i, 2654435761) >>> 8) / 2 ** 24
    for (let i = 0; i < engine.y.length; i += 1) engine.y[i] = i % spec.outputs
    const ms = bestMs(stepsTimed, () => engine.train())
    const hashingMs = bestMs(20, () => void engine.partRoots())
    const gflops = engine.flopsPerStep / ms / 1e6
    console.log(
      `${name}, ${threads} thread(s): ${(1000 / ms).toFixed(0)} steps/s (${gflops.toFixed(1)} GFLOP/s), ` +
        `with hashing ${(1000 / (ms + hashingMs)).toFixed(0)} (${((100 * hashingMs) / (ms + hashingMs)).toFixed(1)} %)`,
    )
    await engine.close()
  }
}

const side = 512
const memory = createMemory(16 << 20)
const kernels = instantiateKernels(await WebAssembly.compile(wasm), memory)
const bytes = 4 * side * side
const [a, b, c, scratch] = [4096, 4096 + bytes, 4096 + 2 * bytes, 4096 + 3 * bytes] as const
new Float32Array(memory.buffer, a, 2 * side * side).forEach((_, i, values) => {
  values[i] = (Math.imul(i, 2654435761) >>> 8) / 2 ** 24 - 0.5
})
const strides = { NN: [side, 1, side, 1], NT: [side, 1, 1, side], TN: [1, side, side, 1] } as const
for (const [name, [ars, acs, brs, bcs]] of Object.entries(strides)) {
  const ms = bestMs(30, () =>
    kernels.gemm(side, side, side, a, ars, acs, b, brs, bcs, c, side, scratch),
  )
  console.log(`gemm 512 ${name}, 1 thread: ${((2 * side ** 3) / ms / 1e6).toFixed(1)} GFLOP/s`)
}
