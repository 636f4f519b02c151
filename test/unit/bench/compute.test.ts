import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { type Row, reportOf } from '#test/bench/peers/report.ts'
import type { Report } from '#test/bench/verdict.ts'
import { type Measurement, medianOf } from '#test/bench/peers/rounds.ts'
import { tableOf } from '#test/bench/peers/table.ts'
import { tasks } from '#test/bench/peers/tasks.ts'

const run = promisify(execFile)
const msMax = 60_000

function measured(
  name: string,
  [engine, threads]: readonly [Measurement['engine'], number],
  rounds: readonly number[],
): Measurement {
  return { name, engine, threads, rounds, best: Math.max(0, ...rounds), figures: {} }
}

describe('the benchmark', () => {
  test(
    'prints a table, then one line of JSON',
    async () => {
      const settings = ['--engine', 'exact', '--only', 'mlp', '--rounds', '1', '--round-ms', '1']
      const args = ['test/bench/compute.ts', ...settings, '--json']
      const { stdout, stderr } = await run(process.execPath, args, { timeout: msMax })
      expect(stderr).toContain('mlp: round 1 of 1')
      const lines = stdout.trimEnd().split('\n')
      const report = JSON.parse(lines.at(-1) ?? '') as Report<Row> & { machine: object }
      expect(report.rows).toMatchObject([
        { name: 'mlp', engine: 'exact', threads: 1 },
        { name: 'mlp', engine: 'exact', threads: 2 },
      ])
      expect(report.rows.every(({ stepsPerSecond }) => (stepsPerSecond ?? 0) > 0)).toBe(true)
      const judged = [...report.met, ...report.missed, ...report.unmeasured]
      expect(judged.toSorted()).toEqual(Object.keys(report.goals).toSorted())
      expect(report.machine).toMatchObject({ cores: expect.any(Number) })
    },
    msMax,
  )

  test('names its tasks when one is unknown', async () => {
    const args = ['test/bench/compute.ts', '--only', 'nothing']
    await expect(run(process.execPath, args, { timeout: msMax })).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringContaining('mlp'),
    })
  })
})

describe('reportOf', () => {
  const report = reportOf([
    measured('mlp', ['exact', 2], [30, 20, 10]),
    measured('mlp', ['onnxruntime-web', 2], [10, 20, 40]),
    measured('cnn', ['exact', 2], [10, 10]),
    { ...measured('cnn', ['tfjs-wasm', 1], []), reason: 'not installed' },
    measured('cnn', ['onnxruntime-web', 2], [20, 40]),
  ])

  test('compares speeds of the same round', () => {
    expect(report.ratios).toEqual({
      'mlp 2 threads / onnxruntime-web 2 threads': 1,
      'cnn 2 threads / onnxruntime-web 2 threads': 0.375,
    })
  })

  test('judges what was measured', () => {
    expect(report.met).toEqual(['mlp 2 threads / onnxruntime-web 2 threads'])
    expect(report.missed).toEqual(['cnn 2 threads / onnxruntime-web 2 threads'])
    expect(report.unmeasured).toContain('cnn 2 threads / tfjs-wasm')
  })

  test('says why an engine has no figures', () => {
    expect(report.rows[3]).toEqual({
      name: 'cnn',
      engine: 'tfjs-wasm',
      threads: 1,
      stepsPerSecond: null,
      best: null,
      reason: 'not installed',
    })
    expect(tableOf(report, tasks).join('\n')).toMatch(/cnn +tfjs-wasm +1 +- +- +not installed/)
  })
})

test.each([
  [[], 0],
  [[5], 5],
  [[3, 1], 2],
  [[9, 1, 4], 4],
])('medianOf(%j) is %d', (values, median) => {
  expect(medianOf(values)).toBe(median)
})
