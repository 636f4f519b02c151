import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const skipped = /^(node_modules|artifacts|cache|coverage|dist|tmp|types|\.git|\.quern)$/

export interface SourceFile {
  /** Path in the package, with slashes. */
  readonly path: string
  readonly text: string
}

/** Every file of the package whose name matches, without what is installed, built or temporary. */
export function sourceFiles(pattern: RegExp): readonly SourceFile[] {
  return paths('')
    .filter((path) => pattern.test(path))
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))
}

function paths(folder: string): readonly string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`
    if (entry.isDirectory()) return skipped.test(entry.name) ? [] : paths(path)
    return entry.isFile() ? [path] : []
  })
}
