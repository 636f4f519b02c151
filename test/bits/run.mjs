/**
 * `node run.mjs <engine.mjs> <kernels.wasm> <steps> <threads,…> <model,…>`: prints one JSON line for each model
 * and thread count. Plain JavaScript: also for Node versions that cannot run TypeScript.
 */
import { readFile } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'

const [, , bundle, kernels, steps, threadCounts, models] = process.argv
const { answer } = await import(pathToFileURL(bundle).href)
const wasm = new Uint8Array(await readFile(kernels))
for (const name of models.split(',')) {
  for (const threads of threadCounts.split(',').map(Number)) {
    const found = await answer(name, wasm, { threads, steps: Number(steps) })
    console.log(JSON.stringify({ name, threads, ...found }))
  }
}
