import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { AppError } from '#base/error.ts'
import { createRunner } from '#compute/runner-process.ts'
import type { Runner, TrainTask } from '#compute/runner.ts'
import { decodeState, encodeUpdate } from '#compute/train/state.ts'
import { encodeRows, mlpSpec, seed, segmentSeed } from './fixtures.ts'

let directory: string
let runner: Runner
const at = (name: string) => join(directory, name)

function task(part: Partial<TrainTask>): TrainTask {
  return {
    from: at('initial'),
    to: at('out'),
    segmentSeed,
    firstBatch: 0,
    steps: 6,
    shard: { index: 0, count: 1 },
    ...part,
  }
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'quern-runner-'))
  await writeFile(at('rows'), encodeRows(mlpSpec, 300))
  runner = createRunner()
  await runner.open({ spec: mlpSpec, trainFile: at('rows'), threads: 1 })
  await runner.initialState({ seed, to: at('initial') })
})

afterAll(async () => {
  await runner.close()
  await rm(directory, { recursive: true })
})

describe('open', () => {
  test('says what the job costs', async () => {
    const opened = await runner.open({ spec: mlpSpec, trainFile: at('rows'), threads: 1 })
    const parameterCount = 64 * 48 + 48 + 48 * 10 + 10
    expect(opened).toMatchObject({ parameterCount, rows: 300, stateBytes: 12 * parameterCount })
    expect(opened.flopsPerStep).toBeGreaterThan(6 * 32 * (48 * 10) + 4 * 32 * 64 * 48)
  })

  test('SPEC_INVALID', async () => {
    const spec = { ...mlpSpec, batchSize: 0 }
    await expect(createAndOpen({ spec, threads: 1 })).rejects.toMatchObject({
      code: 'SPEC_INVALID',
    })
  })

  test('MEMORY_LIMIT before memory is taken', async () => {
    const model = { kind: 'mlp' as const, hidden: [16_384, 16_384] }
    const found = createAndOpen({ spec: { ...mlpSpec, model }, threads: 1 })
    await expect(found).rejects.toMatchObject({ code: 'MEMORY_LIMIT' })
    const small = createAndOpen({ spec: mlpSpec, threads: 1, memoryBytesMax: 100_000 })
    await expect(small).rejects.toMatchObject({
      fields: { code: 'MEMORY_LIMIT', sizeBytesMax: 100_000 },
    })
  })

  test('ROWS_INVALID for rows of another shape', async () => {
    const spec = { ...mlpSpec, inputShape: [63] }
    const found = createAndOpen({ spec, trainFile: at('rows'), threads: 1 })
    await expect(found).rejects.toMatchObject({ code: 'ROWS_INVALID' })
  })
})

async function createAndOpen(job: Parameters<Runner['open']>[0]): Promise<void> {
  const other = createRunner()
  try {
    await other.open(job)
  } finally {
    await other.close()
  }
}

describe('train', () => {
  test('claims each state it passes, and the file is the last of them', async () => {
    const steps: number[] = []
    const report = await runner.train(task({ updateTo: at('update') }), {
      onStep: (step) => steps.push(step),
    })
    expect(steps).toEqual([0, 1, 2, 3, 4, 5])
    expect(report.leaves.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6])
    expect(new Set(report.leaves.map(({ transcript }) => transcript)).size).toBe(6)
    const { transcript: _, ...last } = report.leaves.at(-1) ?? expect.fail('there are leaves')
    expect(await runner.inspect(at('out'))).toMatchObject(last)
    const update = await runner.inspect(at('update'))
    expect(update.p).toBe(report.updateRoot)
    expect(report.updateRoot).toBe(last.p)
  })

  test('goes on from a state as if it had never stopped', async () => {
    const whole = await runner.train(task({}))
    const first = await runner.train(task({ to: at('half'), steps: 2 }))
    const second = await runner.train(
      task({ from: at('half'), to: at('end'), firstBatch: 2, steps: 4 }),
    )
    expect([...first.leaves, ...second.leaves]).toEqual(whole.leaves)
    expect(await readFile(at('end'))).toEqual(await readFile(at('out')))
  })

  test('gives the same bits with 2 threads', async () => {
    const one = await runner.train(task({}))
    const other = createRunner()
    await other.open({ spec: mlpSpec, trainFile: at('rows'), threads: 2 })
    const two = await other.train(task({ to: at('two') }))
    await other.close()
    expect(two.leaves).toEqual(one.leaves)
  })

  test('takes other batches for another seed, shard or batch number', async () => {
    const one = await runner.train(task({ steps: 1 }))
    const variants = [
      task({ steps: 1, segmentSeed: seed }),
      task({ steps: 1, shard: { index: 1, count: 2 } }),
      task({ steps: 1, firstBatch: 1 }),
    ]
    for (const variant of variants) {
      const other = await runner.train(variant)
      expect(other.leaves[0]?.transcript).not.toBe(one.leaves[0]?.transcript)
    }
  })

  test('writes snapshots that later steps start from', async () => {
    const snapshots = { everySteps: 2, directory }
    const { leaves } = await runner.train(task({ snapshots }))
    expect((await readdir(directory)).filter((name) => /^\d\.safetensors$/.test(name))).toEqual([
      '2.safetensors',
      '4.safetensors',
      '6.safetensors',
    ])
    const again = await runner.train(task({ from: at('4.safetensors'), firstBatch: 4, steps: 1 }))
    expect(again.leaves).toEqual([leaves[4]])
  })

  test.each(['skip', 'noise'] as const)(
    '%s claims steps that a repetition denies',
    async (misbehave) => {
      const honest = await runner.train(task({}))
      const cheat = await runner.train(task({ misbehave, updateTo: at('update') }))
      expect(cheat.leaves.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6])
      expect(cheat.leaves[1]).not.toEqual(honest.leaves[1])
      expect((await runner.inspect(at('update'))).p).toBe(cheat.updateRoot)
    },
  )

  test('ABORTED', async () => {
    const controller = new AbortController()
    const options = { signal: controller.signal, onStep: () => controller.abort() }
    const found = runner.train(task({ steps: 100_000, to: at('never') }), options)
    await expect(found).rejects.toMatchObject({ code: 'ABORTED' })
    expect(await readdir(directory)).not.toContain('never')
  })

  test('NON_FINITE', async () => {
    const state = decodeState(new Uint8Array(await readFile(at('initial'))))
    const p = state.p.map((value) => value * 1e14)
    await writeFile(at('huge'), encodeUpdate(p))
    const from = { from: at('initial'), to: at('blown') }
    await runner.aggregate({ ...from, updates: [at('huge')], method: 'mean', transcript: seed })
    const optimizer = { kind: 'sgd' as const, learningRate: 100 }
    const other = createRunner()
    await other.open({ spec: { ...mlpSpec, optimizer }, trainFile: at('rows'), threads: 1 })
    await other.initialState({ seed, to: at('sgd') })
    await other.aggregate({
      from: at('sgd'),
      to: at('sgd'),
      updates: [at('huge')],
      method: 'mean',
      transcript: seed,
    })
    const found = other.train(task({ from: at('sgd'), steps: 20 }))
    await expect(found).rejects.toMatchObject({ code: 'NON_FINITE' })
    await other.close()
  })

  test.each([
    ['FILE_FAILED', 'absent', undefined],
    ['SAFETENSORS_INVALID', 'garbage', new Uint8Array(100).fill(7)],
    ['STATE_INVALID', 'nan', encodeUpdate(new Float32Array(64 * 48 + 48 + 490).fill(Number.NaN))],
  ])('%s', async (code, name, bytes) => {
    if (bytes) await writeFile(at(name), bytes)
    await expect(runner.inspect(at(name))).rejects.toMatchObject({ code })
  })
})

describe('aggregate', () => {
  test('replaces the parameters and nothing else', async () => {
    const trained = await runner.train(task({ updateTo: at('u0') }))
    const other = task({ to: at('other'), updateTo: at('u1'), shard: { index: 1, count: 2 } })
    await runner.train(other)
    const before = trained.leaves.at(-1)
    for (const method of ['mean', 'centeredClip'] as const) {
      const updates = [at('u0'), at('u1')]
      const leaf = await runner.aggregate({
        from: at('out'),
        to: at('next'),
        updates,
        method,
        transcript: seed,
      })
      expect(leaf).toMatchObject({ m: before?.m, v: before?.v, step: 6, transcript: seed })
      expect(leaf.p).not.toBe(before?.p)
      expect((await runner.inspect(at('next'))).p).toBe(leaf.p)
    }
    const alone = { from: at('other'), to: at('next'), updates: [at('u0')], transcript: seed }
    for (const method of ['mean', 'centeredClip'] as const) {
      expect((await runner.aggregate({ ...alone, method })).p).toBe(before?.p)
    }
  })
})

describe('evaluate and predict', () => {
  test('see what training learned', async () => {
    const rowsFile = at('rows')
    const before = await runner.evaluate({ model: at('initial'), rowsFile })
    await runner.train(task({ steps: 200 }))
    const after = await runner.evaluate({ model: at('out'), rowsFile })
    expect(after.rows).toBe(300)
    expect(after.loss).toBeLessThan(before.loss - 0.5)
    expect(after.metric).toBeGreaterThan(before.metric + 0.2)
    const x = new Float32Array(3 * 64).fill(0.25)
    const outputs = await runner.predict({ model: at('out'), x })
    expect(outputs).toHaveLength(30)
    expect(outputs.slice(0, 10)).toEqual(outputs.slice(20))
  })
})

describe('close', () => {
  test('RUNNER_CLOSED for calls under way and after', async () => {
    const other = createRunner()
    const open = other.open({ spec: mlpSpec, threads: 1 })
    const rejected = expect(open).rejects.toMatchObject({ code: 'RUNNER_CLOSED' })
    await other.close()
    await rejected
    await expect(other.inspect(at('initial'))).rejects.toMatchObject({ code: 'RUNNER_CLOSED' })
  })
})

test('the process ends with its parent, in the middle of a step', async () => {
  const file = fileURLToPath(new URL('./runner-parent.ts', import.meta.url))
  const parent = spawn(process.execPath, [file, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  // the runner inherits this pipe: it closes when both are gone
  const closed = once(parent, 'close', { signal: AbortSignal.timeout(30_000) })
  const [line] = await once(parent.stdout, 'data', { signal: AbortSignal.timeout(30_000) })
  expect(String(line)).toBe('training\n')
  parent.kill('SIGKILL')
  expect(await closed).toEqual([null, 'SIGKILL'])
})

test('a runner that dies fails its calls, once and for all', async () => {
  const exits: AppError[] = []
  const other = createRunner({ onExit: (error) => exits.push(error) })
  await other.open({ spec: mlpSpec, trainFile: at('rows'), threads: 1 })
  const found = other.train(task({ steps: 1_000_000, to: at('never') }), {
    onStep: (step) => step === 2 && process.kill(other.pid as number, 'SIGKILL'),
  })
  await expect(found).rejects.toMatchObject({ code: 'RUNNER_EXITED', retryable: true })
  await expect(other.inspect(at('initial'))).rejects.toMatchObject({ code: 'RUNNER_EXITED' })
  expect(exits.map(({ code }) => code)).toEqual(['RUNNER_EXITED'])
  await other.close()
})
