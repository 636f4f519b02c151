import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { cpus, platform, totalmem } from 'node:os'
import { root } from './tools.ts'

/** What a file of `test/results/` begins with: which tree gave the figures, and where. */
export interface Origin {
  readonly commit: string
  readonly machine: string
}

export function originOf(): Origin {
  const gib = Math.round(totalmem() / 2 ** 30)
  const model = cpus()[0]?.model ?? 'unknown processor'
  return {
    commit: execFileSync('git', ['rev-parse', 'HEAD'], { cwd: root }).toString().trim(),
    machine: `${cpus().length} x ${model}, ${gib} GiB, ${platform()}, Node ${process.versions.node}`,
  }
}

/** The committed results of that name; undefined where there are none. */
export function readResults(name: string): unknown {
  try {
    return JSON.parse(readFileSync(`${root}/test/results/${name}.json`, 'utf8'))
  } catch {
    return undefined // none yet
  }
}

/** Writes `test/results/<name>.json`, whole or not at all. */
export function writeResults(name: string, results: Origin): void {
  mkdirSync(`${root}/test/results`, { recursive: true })
  const path = `${root}/test/results/${name}.json`
  writeFileSync(`${path}.part`, `${JSON.stringify(results, undefined, 2)}\n`)
  renameSync(`${path}.part`, path)
}
