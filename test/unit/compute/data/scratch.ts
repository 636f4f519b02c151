import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { AppError } from '#base/error.ts'

/** Writes a file into a directory that goes when the test ends, and gives its path. */
export function scratch(name: string, content: string | Uint8Array): string {
  const directory = mkdtempSync(join(tmpdir(), 'quern-data-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const path = join(directory, name)
  writeFileSync(path, content)
  return path
}

/** The fields of the AppError that a promise ends with; any other end fails the test. */
export async function fieldsOf(
  work: Promise<unknown> | (() => unknown),
): Promise<AppError['fields']> {
  try {
    await (typeof work === 'function' ? work() : work)
  } catch (error) {
    if (error instanceof AppError) return error.fields
    throw error
  }
  throw new Error('nothing was refused')
}

export const isLong = process.env.QUERN_LONG === '1'
/** Seed and count of a fuzzing test: fixed in the gate, fresh and many in the long run. */
export function fuzz(runs: number) {
  return { seed: isLong ? Date.now() % 2 ** 31 : 20, numRuns: isLong ? runs * 100 : runs }
}
