import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '#base/error.ts'
import { createQueue } from '#base/queue.ts'
import { limits } from '#wire/limits.ts'
import { byteOf, tokensOfBytes } from '#wire/vocabulary.ts'
import type { Runner } from '../runner.ts'
import { loadModel } from './predict.ts'
import type { SamplingOptions } from './sampling.ts'

export type TextOptions = SamplingOptions & {
  /** Runs the engine; it is opened with the model's spec here and stays open. */
  readonly runner: Runner
  /** An existing directory for the parameters' file, which is removed afterwards. */
  readonly scratchDirectory: string
  readonly tokensMax: number
  /** A ternary model's layers add integers. */
  readonly isInteger?: boolean
  readonly signal?: AbortSignal
}

/**
 * The text that a model writes behind a prompt, token by token as it comes; parts of a character wait for the rest
 * of it. Leaving the loop early stops the engine. Throws INPUT_UNFIT for a model of something else, and the codes of
 * `loadModel` and of the runner.
 */
export async function* generateText(
  directory: string,
  prompt: string,
  options: TextOptions,
): AsyncGenerator<string, void> {
  const { manifest, parameters } = await loadModel(directory)
  if (manifest.preprocessing.kind !== 'text') {
    const message = `${directory}: the model predicts rows of files, not texts; leave out --prompt`
    throw new AppError({ code: 'INPUT_UNFIT', file: directory, message })
  }
  const { runner, scratchDirectory, signal, ...generation } = options
  const model = join(scratchDirectory, `generate-${process.pid}.f32`)
  const { buffer, byteOffset, byteLength } = parameters
  await writeFile(model, new Uint8Array(buffer, byteOffset, byteLength))
  const leaving = new AbortController()
  const stopping = AbortSignal.any([leaving.signal, ...(signal ? [signal] : [])])
  try {
    await runner.open(
      { spec: { ...manifest.train, batchSize: 1 }, threads: 1 },
      { signal: stopping },
    )
    const task = { model, prompt: tokensOfBytes(new TextEncoder().encode(prompt)), ...generation }
    yield* textOf(streamTokens(runner, task, stopping))
  } finally {
    leaving.abort()
    await rm(model, { force: true })
  }
}

/** Tokens of a runner as they come. */
async function* streamTokens(
  runner: Runner,
  task: Parameters<Runner['generate']>[0],
  signal: AbortSignal,
): AsyncGenerator<number, void> {
  const queue = createQueue<number>(limits.generatedTokensMax)
  const onToken = (token: number) => void queue.push(token)
  const generated = runner.generate(task, { signal, onToken }).finally(queue.close)
  generated.catch(() => undefined) // it is awaited below
  for (;;) {
    const token = await queue.take().catch(() => undefined)
    if (token === undefined) break
    yield token
  }
  await generated
}

/** Characters as soon as they are whole; bytes that are no UTF-8 become U+FFFD. */
async function* textOf(tokens: AsyncIterable<number>): AsyncGenerator<string, void> {
  const decoder = new TextDecoder()
  for await (const token of tokens) {
    const byte = byteOf(token)
    const text = byte === undefined ? '' : decoder.decode(Uint8Array.of(byte), { stream: true })
    if (text !== '') yield text
  }
  const rest = decoder.decode()
  if (rest !== '') yield rest
}
