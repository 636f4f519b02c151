import { closeSync, openSync, readSync } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { AppError } from '#base/error.ts'
import type { TrainSpec } from '#wire/spec.ts'
import { createEngine } from '../exact/engine.ts'
import { buildTraining } from '../graph/training.ts'
import type { TranscribeTask } from '../runner.ts'
import { createBatches } from '../train/batches.ts'
import { type Rows, loadBatch } from '../train/rows.ts'
import { type State, loadState } from '../train/state.ts'
import { type Program, programOf } from './program.ts'
import { type StepTensors, tensorsOf, trainTensors } from './tensors.ts'

/** What repeats a step: all that an open job has, but an engine of its own. */
export interface Bench {
  readonly spec: TrainSpec
  readonly rows: Rows
  readonly wasm: Uint8Array<ArrayBuffer>
  readonly memoryBytesMax: number
}

/** Does one step with an engine that keeps its values, and writes all tensors into one file, whole or not at all. */
export async function transcribeStep(
  { spec, rows, wasm, memoryBytesMax }: Bench,
  task: Omit<TranscribeTask, 'from'> & { state: State },
): Promise<void> {
  const { segmentSeed, shard, batch, tensorsTo, misbehave } = task
  const engine = await createEngine(spec, wasm, { memoryBytesMax, keepsValues: true })
  try {
    engine.checkDenormals()
    loadState(engine, task.state)
    engine.setNoise(segmentSeed)
    const { batchSize } = engine
    const batchAt = createBatches({ segmentSeed, shard, batchSize, rows: rows.count })
    loadBatch(engine, rows, batchAt(batch))
    await writeTensors(tensorsTo, trainTensors(engine, spec, segmentSeed, misbehave))
  } finally {
    await engine.close()
  }
}

async function writeTensors(path: string, { program, bytesOf }: StepTensors): Promise<void> {
  const partial = `${path}.part`
  try {
    const file = await open(partial, 'w')
    try {
      for (const entry of program.entries.keys()) await file.write(bytesOf(entry))
    } finally {
      await file.close()
    }
    await rename(partial, path)
  } catch (error) {
    await rm(partial, { force: true }).catch(() => undefined)
    throw new AppError({ code: 'FILE_FAILED', path }, { cause: error })
  }
}

/** The program of a specification without an engine. */
export function programOfSpec(spec: TrainSpec): Program {
  return programOf(buildTraining(spec), spec)
}

/** Tensors of a step in a file: one of them in memory at a time. */
export interface TensorFile extends StepTensors {
  close(): void
}

/** Opens what `transcribeStep` wrote. Throws FILE_FAILED where it is of another size. */
export function openTensors(program: Program, path: string): TensorFile {
  const starts: number[] = []
  let sizeBytes = 0
  for (const { sizeElements } of program.entries) {
    starts.push(sizeBytes)
    sizeBytes += 4 * sizeElements
  }
  const file = openSync(path, 'r')
  function bytesOf(entry: number): Uint8Array {
    const start = starts[entry] ?? 0
    const bytes = new Uint8Array((starts[entry + 1] ?? sizeBytes) - start)
    if (readSync(file, bytes, 0, bytes.length, start) === bytes.length) return bytes
    throw new AppError({ code: 'FILE_FAILED', path, reason: 'the tensors end too early' })
  }
  try {
    return { ...tensorsOf(program, bytesOf), close: () => closeSync(file) }
  } catch (error) {
    closeSync(file)
    throw error
  }
}
