/**
 * `node boot.mjs test/bench/hashing.ts [--json]`: share of a training step that hashing its state and transcript
 * takes, as training does it: for three models with known answers and for the one that `npm run bench:lm` trains.
 * Runs of a few steps with and without hashing take turns and the medians are compared, so that other load slows
 * both alike. The goal is 5 % for the transformers.
 */
import { createEngine } from '#compute/exact/engine.ts'
import { createThreadTeam } from '#compute/exact/thread-team.ts'
import { readKernels } from '#compute/train/session.ts'
import type { TrainSpec } from '#wire/spec.ts'
import { knownSpecs } from '../unit/compute/known-answer.ts'
import { context, lmBatchSize, lmModel } from './lm/task.ts'

const goal = 0.05
const turnsMin = 5
const turnsMax = 100
const turnsMsMax = 20_000
const stepsOfTurn = 4

const { mlp, cnn, gpt } = knownSpecs
/** A step of the small transformer has 1,024 tokens, of the large one 2,048. */
const specs: Readonly<Record<'mlp' | 'cnn' | 'gpt' | 'lm', TrainSpec>> = {
  mlp,
  cnn,
  gpt,
  lm: { ...gpt, model: lmModel, inputShape: [context], batchSize: lmBatchSize },
}

const medianOf = (values: readonly number[]) =>
  values.toSorted((a, b) => a - b)[values.length >> 1] as number

async function shareOf(name: keyof typeof specs, threads: number, wasm: Uint8Array<ArrayBuffer>) {
  const spec = specs[name]
  const engine = await createEngine(spec, wasm, { threads, createTeam: createThreadTeam })
  engine.initialize(`0x${'5a'.repeat(32)}`)
  for (let i = 0; i < engine.x.length; i += 1) engine.x[i] = i % spec.outputs
  for (let i = 0; i < engine.y.length; i += 1) engine.y[i] = i % spec.outputs
  function msPerStep(isHashed: boolean): number {
    const start = performance.now()
    for (let step = 0; step < stepsOfTurn; step += 1) {
      if (isHashed) engine.partRootsLater()
      engine.train()
    }
    return (performance.now() - start) / stepsOfTurn
  }
  const [plain, hashed]: [number[], number[]] = [[], []]
  const end = performance.now() + turnsMsMax
  msPerStep(true)
  while (plain.length < turnsMin || (plain.length < turnsMax && performance.now() < end)) {
    plain.push(msPerStep(false))
    hashed.push(msPerStep(true))
  }
  await engine.close()
  const [plainMs, hashedMs] = [medianOf(plain), medianOf(hashed)]
  return { name, threads, plainMs, hashedMs, share: Math.max(0, 1 - plainMs / hashedMs) }
}

const wasm = await readKernels()
const rows = []
for (const name of ['mlp', 'cnn', 'gpt', 'lm'] as const) {
  for (const threads of [1, 2]) {
    const row = await shareOf(name, threads, wasm)
    rows.push(row)
    const { plainMs, hashedMs, share } = row
    const figures = `step ${plainMs.toFixed(2)} ms, with hashing ${hashedMs.toFixed(2)} ms`
    console.log(`${name}, ${threads} thread(s): ${figures}, ${(100 * share).toFixed(1)} %`)
  }
}
if (process.argv.includes('--json')) {
  const missed = rows.filter(({ name, share }) => ['gpt', 'lm'].includes(name) && share > goal)
  console.log(JSON.stringify({ rows, goals: { gpt: goal, lm: goal }, missed }))
}
