import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, expect, test } from 'vitest'
import { bundleModule } from '#scripts/bundle-engine.ts'
import { root } from '#scripts/tools.ts'
import { knownAnswers } from '#test/bits/known.ts'

const folder = mkdtempSync(join(tmpdir(), 'quern-bundle-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('one plain ES module, run by plain JavaScript, gives the committed hashes', async () => {
  const bundle = join(folder, 'engine.mjs')
  await bundleModule(join(root, 'test/bits/entry.ts'), bundle)
  const imports = readFileSync(bundle, 'utf8').matchAll(/^import .* from "(?<from>.*)";$/gm)
  for (const { groups } of imports) expect(groups?.['from']).toMatch(/^node:/)
  const args = [join(root, 'test/bits/run.mjs'), bundle, join(root, 'compute/exact/kernels.wasm')]
  const { stdout } = await promisify(execFile)(process.execPath, [...args, '20', '1,2', 'mlp'])
  const answers = stdout.trim().split('\n')
  expect(answers.map((line) => JSON.parse(line) as object)).toEqual(
    [1, 2].map((threads) => ({ name: 'mlp', threads, ...knownAnswers.mlp[20] })),
  )
})
