import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Measurement } from './rounds.ts'

const msMax = 120_000
const script = fileURLToPath(new URL('../gemm.ts', import.meta.url))

/** Adds to the products of the exact engine how they compare with C (test/bench/gemm.ts), the least of NN, NT, TN. */
export function compareWithC(measurements: readonly Measurement[]): readonly Measurement[] {
  if (!measurements.some(({ name, engine }) => isCompared(name, engine))) return measurements
  const { stdout } = spawnSync(process.execPath, [script, '--json'], {
    encoding: 'utf8',
    timeout: msMax,
  })
  const last = (stdout ?? '').trimEnd().split('\n').at(-1) ?? ''
  if (!last.startsWith('{')) return measurements
  const { rows } = JSON.parse(last) as { rows: readonly { name: string; ratio: number }[] }
  const ratios = rows.filter(({ name }) => name.includes('512x512x512')).map(({ ratio }) => ratio)
  const ratioToC = Math.min(...ratios)
  return measurements.map((measurement) => {
    const { name, engine, figures } = measurement
    return isCompared(name, engine)
      ? { ...measurement, figures: { ...figures, ratioToC } }
      : measurement
  })
}

function isCompared(name: string, engine: string): boolean {
  return name === 'gemm-nn' && engine === 'exact'
}
