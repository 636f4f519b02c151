import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AppError } from '#base/error.ts'
import { generateText } from '#compute/infer/text.ts'
import type { SamplingOptions } from '#compute/infer/sampling.ts'
import { createRunner } from '#compute/runner-process.ts'
import { limits } from '#wire/limits.ts'
import type { Context } from './context.ts'
import { integerOf } from './job/flags.ts'

/** What a person types to have a text continued. */
export interface GenerateFlags {
  readonly prompt?: string
  readonly tokens?: string
  readonly temperature?: string
  readonly topK?: string
  readonly topP?: string
  readonly seed?: string
  readonly integer?: boolean
}

const tokensDefault = '200'

/** Prints the text that a language model writes behind a prompt, as it comes. */
export async function runGenerate(
  context: Context,
  modelDir: string,
  flags: GenerateFlags & { readonly prompt: string },
): Promise<void> {
  const { prompt, tokens = tokensDefault, integer } = flags
  const { output, clock, stopping: signal } = context
  const tokensMax = integerOf('tokens', tokens, { min: 1, max: limits.generatedTokensMax })
  const sampling = samplingOf(flags)
  const scratchDirectory = mkdtempSync(join(tmpdir(), 'quern-'))
  const runner = createRunner()
  const startMs = clock.nowMs()
  const parts: string[] = []
  try {
    const options = {
      ...sampling,
      ...(integer && { isInteger: true }),
      tokensMax,
      runner,
      scratchDirectory,
      signal,
    }
    output.write(prompt)
    for await (const text of generateText(modelDir, prompt, options)) {
      parts.push(text)
      output.print({ event: 'text', text })
      output.write(text)
    }
    output.write('\n')
    const wallMs = clock.nowMs() - startMs
    output.print({ event: 'generated', prompt, text: parts.join(''), ...sampling, wallMs })
  } finally {
    await runner.close()
    rmSync(scratchDirectory, { recursive: true, force: true })
  }
}

/** Greedy unless something is said about chance. Throws FLAG_INVALID. */
function samplingOf({ temperature, topK, topP, seed }: GenerateFlags): SamplingOptions {
  const isRandom = [topK, topP, seed].some((flag) => flag !== undefined)
  const top = { min: 0, max: limits.classesMax }
  return {
    temperature: numberOf('temperature', temperature ?? (isRandom ? '1' : '0'), {
      min: 0,
      max: 100,
    }),
    topK: integerOf('top-k', topK ?? '0', top),
    topP: numberOf('top-p', topP ?? '1', { min: 1e-6, max: 1 }),
    seed: integerOf('seed', seed ?? '1', { min: 0, max: Number.MAX_SAFE_INTEGER }),
  }
}

function numberOf(flag: string, text: string, { min, max }: { min: number; max: number }): number {
  const value = /^[0-9]+(\.[0-9]+)?$/.test(text) ? Number(text) : Number.NaN
  if (value >= min && value <= max) return value
  const message = `--${flag} is a number from ${min} to ${max}, not "${text}"`
  throw new AppError({ code: 'FLAG_INVALID', flag, text, message })
}
