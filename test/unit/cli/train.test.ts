import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createRng } from '#base/rng.ts'
import { exitCodes } from '#cli/exit-codes.ts'
import { writeModel } from '#cli/write-model.ts'
import { collectFiles, parseModel } from '#compute/export/model.ts'
import { textSpec } from '#compute/data/text-defaults.ts'
import { encodeTextOnnx } from '#compute/export/onnx.ts'
import { createGraphWriter, encodeModel } from '#compute/export/onnx-writer.ts'
import { decodeSafetensors } from '#compute/export/safetensors.ts'
import { parametersOf } from '#compute/graph/training.ts'
import { decodeGguf } from '#compute/import/gguf.ts'
import { readTfjs } from '#compute/import/tfjs.ts'
import { partRootOf } from '#compute/train/commit.ts'
import { manifestSchema } from '#wire/manifest.ts'
import { dense, fixtureOf } from '../compute/import/tfjs-fixtures.ts'
import { eventsOf, runQuern } from './run-quern.ts'
import { temporaryFolder } from './temporary.ts'

/** Rows of two numbers whose sum decides the class. */
function rows(count: number): string {
  const rng = createRng(3)
  const lines = Array.from({ length: count }, () => {
    const [a, b] = [rng.below(100), rng.below(100)]
    return `${a},${b},${a + b < 100 ? 'low' : 'high'}`
  })
  return ['a,b,kind', ...lines].join('\n')
}

function fileOf(run: object): { folder: string; path: string } {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'rows.csv'), rows(120))
  const path = join(folder, 'run.json')
  writeFileSync(
    path,
    JSON.stringify({ files: ['rows.csv'], workers: 2, train: { rounds: 3 }, ...run }),
  )
  return { folder, path }
}

async function train(args: readonly string[]) {
  const home = temporaryFolder()
  const result = await runQuern(['--data-dir', home, '--json', 'train', ...args])
  return { result, last: eventsOf(result).at(-1) }
}

describe('quern train', () => {
  test('gives one model for one seed, with any number of threads', async () => {
    const { path, folder } = fileOf({})
    const out = join(folder, 'model')
    const one = await train([path, '--seed', '1', '--threads', '1', '--out', out])
    const two = await train([path, '--seed', '1', '--threads', '2'])
    const other = await train([path, '--seed', '2'])
    expect(one.result.exitCode, one.result.err).toBe(exitCodes.done)
    expect(one.last).toMatchObject({ event: 'trained', metric: { name: 'accuracy' }, rows: 24 })
    expect(two.last?.['modelHash']).toBe(one.last?.['modelHash'])
    expect(other.last?.['modelHash']).not.toBe(one.last?.['modelHash'])
    const manifest = JSON.parse(readFileSync(join(out, 'manifest.json'), 'utf8')) as {
      modelRoot: string
    }
    expect(manifest.modelRoot).toBe(one.last?.['modelRoot'])
  }, 120_000)

  test('trains an ONNX model from the weights of its file', async () => {
    const folder = temporaryFolder()
    const [file, model] = [join(folder, 'rows.csv'), join(folder, 'model.onnx')]
    writeFileSync(file, rows(120))
    const graph = createGraphWriter()
    const weights = graph.floats('fc.weight', [2, 2], [900, -900, 900, -900])
    graph.node('Gemm', ['input', weights], { output: 'y' })
    const bytes = encodeModel(graph, {
      inputs: [{ name: 'input', type: 'f32', shape: ['batch', 2] }],
      outputs: [{ name: 'y', type: 'f32', shape: ['batch', 2] }],
    })
    writeFileSync(model, bytes)
    const out = join(folder, 'trained')
    const { result, last } = await train([file, '--model', model, '--out', out])
    expect(result.exitCode, result.err).toBe(exitCodes.done)
    expect(last).toMatchObject({ event: 'trained', metric: { name: 'accuracy' } })
    const { tensors } = decodeSafetensors(readFileSync(join(out, 'model.safetensors')))
    const weight = tensors.get('fc.weight')?.values as Float32Array
    // "high" is class 0; no seed begins this far out, and no short training goes there
    expect([...weight].map(Math.sign)).toEqual([1, -1, 1, -1])
    const text = readFileSync(join(out, 'manifest.json'), 'utf8')
    const { seeds, initialRoot } = manifestSchema.parse(JSON.parse(text))
    expect(seeds).toEqual({ split: 1 })
    expect(initialRoot).toBe(partRootOf(Float32Array.of(900, -900, 900, -900)))
    expect(Math.min(...weight.map(Math.abs))).toBeGreaterThan(3)
    const wrong = await train([file, '--model', model, '--drop', 'a'])
    expect(wrong.result.err).toContain('MODEL_UNFIT')
  }, 120_000)

  test('trains a layers model of tfjs from its weights, and names what does not fit', async () => {
    const folder = temporaryFolder()
    const [file, model] = [join(folder, 'rows.csv'), join(folder, 'model.json')]
    writeFileSync(file, rows(120))
    const { json, weights } = fixtureOf('two features', {
      fc: { ...dense(2, 2), config: { units: 2, batch_input_shape: [null, 2] } },
    })
    writeFileSync(model, json)
    writeFileSync(join(folder, 'group1-shard1of1.bin'), weights)
    const out = join(folder, 'trained')
    const { result, last } = await train([file, '--model', model, '--out', out, '--tfjs'])
    expect(result.exitCode, result.err).toBe(exitCodes.done)
    expect(last).toMatchObject({ event: 'trained', metric: { name: 'accuracy' } })
    const { tensors } = decodeSafetensors(readFileSync(join(out, 'model.safetensors')))
    const again = await readTfjs(join(out, 'tfjs', 'model.json'))
    const kernel = tensors.get('fc/kernel')?.values as Float32Array
    expect(again.parameters.subarray(0, 4)).toEqual(kernel)
    expect([...tensors.keys()]).toEqual(['fc/bias', 'fc/kernel'])
    writeFileSync(join(folder, 'group1-shard1of1.bin'), weights.subarray(4))
    const wrong = await train([file, '--model', model])
    expect(wrong.result.err).toContain('TFJS_INVALID')
    const nowhere = await train([file, '--tfjs'])
    expect(nowhere.result.err).toContain('FLAG_INVALID')
  }, 120_000)

  test('writes a language model as GGUF too, as the command for a job does', async () => {
    const { folder, path } = fileOf({
      files: ['text.txt'],
      task: 'language-model',
      context: 8,
      workers: 1,
      train: { rounds: 1, localSteps: 2, warmupSteps: 1 },
    })
    writeFileSync(join(folder, 'text.txt'), 'the quern turns, the grain is ground.\n'.repeat(40))
    const out = join(folder, 'trained')
    const { result } = await train([path, '--out', out])
    expect(result.exitCode, result.err).toBe(exitCodes.done)
    const bytes = readFileSync(join(out, 'model.gguf'))
    const { metadata, tensors } = decodeGguf(bytes, 'model.gguf')
    expect(metadata.get('general.architecture')).toBe('llama')
    expect(metadata.get('llama.context_length')).toBe(8)
    const model = decodeSafetensors(readFileSync(join(out, 'model.safetensors')))
    const embedding = model.tensors.get('embedding.weight')?.values as Float32Array
    const written = Uint8Array.from(tensors.get('token_embd.weight')?.bytes ?? [])
    expect(new Float32Array(written.buffer)).toEqual(Float32Array.from(embedding))

    const files = await collectFiles(async (name) => readFileSync(join(out, name)))
    const fetched = join(folder, 'fetched')
    writeModel(fetched, { ...parseModel(files), files }) // what quern job result does
    expect(readFileSync(join(fetched, 'model.gguf'))).toEqual(bytes)
    const { result: refused } = await train([path, '--out', out, '--tfjs'])
    expect(refused.err).toContain('UNSUPPORTED')
    expect(refused.err).toContain('model.gguf')
  }, 120_000)

  test('a ternary model predicts by integers what it predicts, no other does', async () => {
    const model = { kind: 'mlp', hidden: [24], ternary: true }
    const { path, folder } = fileOf({ train: { rounds: 12, model } })
    const [out, plain] = [join(folder, 'model'), join(folder, 'plain')]
    const { result } = await train([path, '--out', out])
    expect(result.exitCode, result.err).toBe(exitCodes.done)
    const predict = async (directory: string, ...flags: readonly string[]) => {
      const args = ['predict', directory, join(folder, 'rows.csv'), ...flags]
      const run = await runQuern(['--data-dir', temporaryFolder(), '--json', ...args])
      return { run, rows: eventsOf(run).filter(({ event }) => event === 'prediction') }
    }
    const [floats, integers] = [await predict(out), await predict(out, '--integer')]
    expect(integers.run.exitCode, integers.run.err).toBe(exitCodes.done)
    expect(integers.rows).toHaveLength(120)
    const isSame = (row: number) => integers.rows[row]?.['label'] === floats.rows[row]?.['label']
    expect(floats.rows.filter((_, row) => isSame(row)).length).toBeGreaterThan(114)
    expect(integers.rows).not.toEqual(floats.rows) // activations are rounded
    await train([fileOf({}).path, '--out', plain])
    const refused = await predict(plain, '--integer')
    expect(refused.run.err).toContain('SPEC_INVALID')
    expect(refused.run.err).toContain('integer inference needs a ternary mlp')
  }, 120_000)

  test('trains a decoder from an ONNX file, and writes a text with it', async () => {
    const spec = textSpec({ trainRows: 40, context: 16, workerCount: 1 })
    const parameters = parametersOf(spec).map(({ name, shape, size }, i) => {
      const next = createRng(i)
      return {
        name,
        shape,
        values: Float32Array.from({ length: size }, () => next.below(99) / 990),
      }
    })
    const folder = temporaryFolder()
    const decoder = join(folder, 'decoder.onnx')
    writeFileSync(decoder, encodeTextOnnx(spec, parameters))
    const text = join(folder, 'text.txt')
    writeFileSync(text, 'the quern turns, the grain is ground.\n'.repeat(40))
    const out = join(folder, 'trained')
    const { result, last } = await train([
      text,
      '--task',
      'language-model',
      '--model',
      decoder,
      '--out',
      out,
    ])
    expect(result.exitCode, result.err).toBe(exitCodes.done)
    expect(last).toMatchObject({ event: 'trained', metric: { name: 'accuracy' } })
    const manifest = manifestSchema.parse(
      JSON.parse(readFileSync(join(out, 'manifest.json'), 'utf8')),
    )
    expect(manifest.train).toMatchObject({ model: { kind: 'graph' }, inputShape: [16] })
    const flags = ['predict', out, '--prompt', 'the q', '--tokens', '4']
    const written = await runQuern(['--data-dir', temporaryFolder(), '--json', ...flags])
    expect(written.exitCode, written.err).toBe(exitCodes.done)
    expect(eventsOf(written).at(-1)).toMatchObject({ event: 'generated', prompt: 'the q' })
    writeFileSync(join(folder, 'rows.csv'), rows(20))
    const rowsOnly = await train([join(folder, 'rows.csv'), '--model', decoder])
    expect(rowsOnly.result.err).toContain('give --task language-model')
  }, 120_000)

  test.each<[string, object, string]>([
    ['an unknown field', { colour: 'red' }, 'INPUT_INVALID'],
    ['a field of the wrong kind', { workers: 'two' }, 'INPUT_INVALID'],
    ['a wrong specification', { train: { rounds: 0 } }, 'INPUT_INVALID'],
    ['a missing file', { files: ['none.csv'] }, 'FILE'],
  ])(
    'refuses %s',
    async (_name, change, code) => {
      const { result, last } = await train([fileOf(change).path])
      expect(result.exitCode).toBe(exitCodes.input)
      expect(last).toMatchObject({ event: 'error' })
      expect(last?.['code']).toMatch(new RegExp(`^${code}`))
    },
    60_000,
  )
})
