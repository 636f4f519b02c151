import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { generateDigits } from '#compute/data/digits.ts'
import type { Manifest } from '#wire/manifest.ts'
import { quern, startWorld, summaryOf } from './local-world.ts'
import { residualNetwork } from './residual-network.ts'

/** Bytes of an IDX file: the sides, then the values. */
function idxOf(shape: readonly number[], values: ArrayLike<number>): Uint8Array {
  const head = Buffer.alloc(4 + 4 * shape.length)
  head.writeUInt32BE(0x0800 + shape.length)
  for (const [i, side] of shape.entries()) head.writeUInt32BE(side, 4 + 4 * i)
  return Buffer.concat([head, Uint8Array.from(values)])
}

test(
  'a residual network with batch norms, an ONNX file, is trained by the market',
  { timeout: 900_000 },
  async () => {
    const world = await startWorld(['--workers', '2', '--evaluators', '2'])
    onTestFinished(() => world.stop())
    const place = (name: string) => join(world.dataDir, name)
    const { pixels, shape, labels, rows } = generateDigits({ seed: 3, rows: 1500 })
    const [, height, width] = shape
    const classes = labels?.kind === 'number' ? labels.values : []
    writeFileSync(place('images-idx3-ubyte'), idxOf([rows, height, width], pixels))
    writeFileSync(place('labels-idx1-ubyte'), idxOf([rows], classes))
    writeFileSync(place('residual.onnx'), residualNetwork())

    const files = [place('images-idx3-ubyte'), place('labels-idx1-ubyte')]
    const flags = ['--model', place('residual.onnx'), '--workers', '2']
    const posted = await world.post(files, flags)
    expect(posted.exitCode, posted.err).toBe(0)
    const summary = summaryOf(posted)
    expect(summary).toMatchObject({ phase: 'settled', isBalanced: true, attempts: 1 })
    expect(summary.metric.name).toBe('accuracy')
    expect(summary.metric.value).toBeGreaterThan(0.8)
    for (const worker of summary.workers) expect(worker.paidWei).toBeGreaterThan(0n)

    const { dataDir } = world
    const directory = place('model')
    const fetched = await quern(['job', 'result', summary.jobId, '--out', directory], { dataDir })
    expect(fetched.exitCode, fetched.err).toBe(0)
    const manifest = JSON.parse(readFileSync(join(directory, 'manifest.json'), 'utf8')) as Manifest
    expect(manifest.train.model.kind).toBe('graph')

    const verified = await quern(['verify', summary.jobId, '--full'], { dataDir })
    expect(verified.exitCode, verified.err).toBe(0)
    expect(verified.lines.at(-1)).toMatchObject({ event: 'verified' })
  },
)
