import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '#scripts/tools.ts'

type Figures = Readonly<Record<string, number>>

/** The committed figures of that name; QUERN_GAS_WRITE=1 writes the measured ones first. Compare to within 1 %. */
function committedGas(name: string, measured: Figures): Figures {
  const file = join(root, 'test/gas', `${name}.json`)
  if (process.env.QUERN_GAS_WRITE === '1') {
    writeFileSync(file, `${JSON.stringify(measured, null, 2)}\n`)
  }
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Figures) : {}
}

/** The names of figures that differ by more than 1 %, with both values. */
export function gasChanges(name: string, measured: Figures): readonly string[] {
  const committed = committedGas(name, measured)
  const names = new Set([...Object.keys(committed), ...Object.keys(measured)])
  return [...names]
    .filter((key) => {
      const before = committed[key] ?? 0
      return Math.abs((measured[key] ?? 0) - before) > before * 0.01 || before === 0
    })
    .map((key) => `${name} ${key}: ${measured[key]}, committed ${committed[key]}`)
}
