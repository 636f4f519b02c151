import { readFile } from 'node:fs/promises'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { importsOf } from '#test/tidy/imports.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))

/** Packages and Node modules that a file leads to. */
async function packagesFrom(entry: string): Promise<Set<string>> {
  const packages = new Set<string>()
  const seen = new Set<string>()
  const open = [entry]
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (seen.has(path)) continue
    seen.add(path)
    for (const { path: target } of importsOf(await readFile(join(root, path), 'utf8'))) {
      if (target === undefined) packages.add('computed')
      else if (target.startsWith('.')) open.push(normalize(join(dirname(path), target)))
      else if (target.startsWith('#')) open.push(target.slice(1))
      else packages.add(target)
    }
  }
  return packages
}

// An add-on built with fast-math flags switches denormals off for the whole thread.
test.each(['compute/runner-child.ts', 'compute/exact/thread.ts'])(
  '%s loads no native add-on',
  async (entry) => {
    const packages = [...(await packagesFrom(entry))].filter((name) => !name.startsWith('node:'))
    expect(packages.filter((name) => !['zod', '@noble/hashes/sha2.js'].includes(name))).toEqual([])
  },
)

test('the engine needs nothing of Node, so that browsers run it', async () => {
  const packages = [...(await packagesFrom('compute/train/trainer.ts'))]
  // zod by types alone
  expect(packages.toSorted()).toEqual(['@noble/hashes/sha2.js', 'zod'])
})
