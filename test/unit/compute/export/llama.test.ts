import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { encodeGguf } from '#compute/export/gguf.ts'
import { createDecoder } from '#compute/infer/decoder.ts'
import { generateTokens } from '#compute/infer/generate.ts'
import type { TrainSpec } from '#wire/spec.ts'
import { scratch } from '../data/scratch.ts'
import { readWasm } from '../fixtures.ts'
import { greedy, learned, namedOf, promptOf, specOf, styles } from './gguf-models.ts'

const root = fileURLToPath(new URL('../../../..', import.meta.url))
const folder = join(root, 'node_modules', '.cache', 'quern-llama')
const isInstalled = existsSync(join(folder, 'node_modules', 'node-llama-cpp', 'package.json'))
const child = fileURLToPath(new URL('llama-child.ts', import.meta.url))
const reason = 'llama.cpp is not installed: node boot.mjs scripts/install-llama.ts'
const words = 'Hello, wörld ~}~} \n\t<|'

function runLlama(file: string, prompt: readonly number[], count: number) {
  const argv = [child, folder, file, JSON.stringify(prompt), String(count), words]
  const { stdout, stderr } = spawnSync(process.execPath, argv, { encoding: 'utf8' })
  const line = stdout.split('\n').findLast((one) => one.startsWith('{')) ?? ''
  expect(line, stderr).not.toBe('')
  return JSON.parse(line) as { tokens: number[]; text: number[] }
}

/** Greedy tokens of ternary layers that add integers, whose activations are of 8 bits as llama.cpp's are. */
async function integerTokens(spec: TrainSpec, p: Float32Array, prompt: readonly number[]) {
  const decoder = await createDecoder(spec, p, await readWasm(), { isInteger: true })
  return [...generateTokens(decoder, { prompt: Int32Array.from(prompt), tokensMax: 40 })]
}

describe('llama.cpp', () => {
  for (const [name, style] of Object.entries(styles)) {
    test(`says the tokens that the engine says: ${name}`, { timeout: 120_000 }, async (context) => {
      if (!isInstalled) context.skip(reason)
      const spec = specOf(style)
      const engine = await learned(spec, 200)
      const prompt = promptOf('the quern turns')
      const expected = greedy(engine, prompt, 40)
      const file = scratch('model.gguf', encodeGguf(spec, namedOf(engine)))
      const integer = style.ternary ? await integerTokens(spec, engine.p.slice(), prompt) : expected
      await engine.close()
      const { tokens, text } = runLlama(file, prompt, 40)
      expect(integer).toEqual(expected)
      expect(tokens).toEqual(expected)
      expect(text).toEqual(promptOf(words))
      expect(new Set(expected).size).toBeGreaterThan(8)
    })
  }
})
