import { readFileSync, readdirSync } from 'node:fs'
import { posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { importsOf } from '#test/tidy/imports.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const commands = readdirSync(`${root}/cli/commands`).map((file) => `cli/commands/${file}`)

/** The packages that loading a file loads, through every file of ours on the way. */
function packagesOf(file: string, seen = new Set<string>()): ReadonlySet<string> {
  const packages = new Set<string>()
  if (seen.has(file) || !file.endsWith('.ts')) return packages
  seen.add(file)
  for (const { kind, path } of importsOf(readFileSync(`${root}/${file}`, 'utf8'))) {
    if (path === undefined || kind === 'type' || kind === 'dynamic') continue
    if (path.startsWith('#') || path.startsWith('.')) {
      const target = path.startsWith('#') ? path.slice(1) : posix.join(posix.dirname(file), path)
      for (const name of packagesOf(target, seen)) packages.add(name)
    } else packages.add(path)
  }
  return packages
}

const light = /^(node:|commander$|zod$|env-paths$|@noble\/|@bomb\.sh\/tab)/

describe('start-up', () => {
  test('--version loads nothing but package.json', () => {
    expect([...packagesOf('cli/main.ts')]).toEqual([])
  })

  test.each(['cli/program.ts', ...commands])('%s loads light packages only', (file) => {
    expect([...packagesOf(file)].filter((name) => !light.test(name))).toEqual([])
  })
})
