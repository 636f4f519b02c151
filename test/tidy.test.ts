import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { importsOf } from './tidy/imports.ts'
import { layerBreaches } from './tidy/layers.ts'
import { type SourceFile, sourceFiles } from './tidy/tree.ts'
import { nameBreaches, solidityNameBreaches, textBreaches } from './tidy/words.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const isGenerated = (path: string) =>
  /^(wire\/abi\/|compute\/exact\/kernels\/|test\/results\/|package-lock\.json$)/.test(path)
const typescript = sourceFiles(/\.ts$/).filter(({ path }) => !isGenerated(path))
const solidity = sourceFiles(/\.sol$/)
const texts = sourceFiles(/\.(ts|mjs|sol|md|json|ya?ml|html|svelte|css)$|^\.ci\/run$/)

describe('the package', () => {
  test('is seen', () => {
    const paths = typescript.map(({ path }) => path)
    expect(paths).toContain('base/error.ts')
    expect(paths).toContain('cli/main.ts')
    expect(paths.length).toBeGreaterThan(60)
  })

  test('keeps to the import table', () => {
    expect(typescript.flatMap(({ path, text }) => layerBreaches(path, text))).toEqual([])
  })

  test('has files of at most 400 lines, contracts of at most 600', () => {
    expect([...tooLong(typescript, 400), ...tooLong(solidity, 600)]).toEqual([])
  })

  test('has functions of at most 70 lines, with at most 3 parameters and an options bag', () => {
    expect(sizeBreaches(['.'])).toEqual([])
  })

  test('has no empty words in its names', () => {
    const named = typescript.flatMap(({ path, text }) => nameBreaches(path, text))
    const contracts = solidity.flatMap(({ path, text }) => solidityNameBreaches(path, text))
    expect([...named, ...contracts]).toEqual([])
  })

  test('names no machine and no registry', () => {
    const own = texts.filter(({ path }) => !isGenerated(path) && path !== 'test/tidy.test.ts')
    expect(own.flatMap(({ path, text }) => textBreaches(path, text))).toEqual([])
  })
})

describe('importsOf', () => {
  test('sees every way to import, and nothing in comments, strings or regular expressions', () => {
    const source = [
      "import { a } from 'static'",
      "import type { B } from 'typed'",
      "import c, * as d from 'mixed'",
      "import 'side'",
      "const e = await import('dynamic')",
      'const f = `${await import("inside a template")} import("text")`',
      "export { g } from 'exported'",
      "export type * from 'starred'",
      "const h = require('required')",
      "import.meta.resolve('resolved')",
      'await import(h)',
      "// import 'comment'",
      "/* import 'comment' */ const i = 'import \"string\"'",
      'const j = a / b, k = /import "x"/.test(i) // import("y")',
      "export { i, j }; const from = 'local'",
      "const l = { import: 'field', x: j.import('method') }",
    ].join('\n')
    expect(importsOf(source).map(({ kind, path }) => `${kind}: ${path}`)).toEqual([
      'static: static',
      'type: typed',
      'static: mixed',
      'side effect: side',
      'dynamic: dynamic',
      'dynamic: inside a template',
      're-export: exported',
      're-export: starred',
      'require: required',
      'dynamic: resolved',
      'dynamic: undefined',
    ])
  })
})

describe('layerBreaches', () => {
  test.each([
    ['a layer above', 'base/queue.ts', "import { job } from '#wire/job.ts'"],
    ['a layer beside', 'worker/loop.ts', "import { judge } from '#evaluator/judge.ts'"],
    ['a side effect', 'store/disk.ts', "import '#p2p/node.ts'"],
    ['a dynamic import', 'compute/runner.ts', "await import('#chain/client/jobs.ts')"],
    ['a type', 'chain/core/block.ts', "import type { Node } from '#chain/node/driver.ts'"],
    ['a computed path', 'p2p/node.ts', 'await import(path)'],
    ['a relative path across folders', 'worker/loop.ts', "import { a } from '../base/error.ts'"],
    ['a long climb', 'chain/core/a/b.ts', "import { a } from '../../client/jobs.ts'"],
    ['a package that is not for the layer', 'chain/client/jobs.ts', "import fs from 'node:fs'"],
    ['a package with the same beginning', 'wire/job.ts', "import z from 'zodiac'"],
    ['a package that touches the world', 'chain/core/block.ts', "import fs from 'node:fs'"],
    ['a test', 'cli/main.ts', "import { tokensOf } from '#test/tidy/tokens.ts'"],
    ['a script', 'worker/loop.ts', "import { root } from '#scripts/tools.ts'"],
    ['a re-export', 'cli/index.ts', "export * from './output.ts'"],
    ['a default export', 'store/disk.ts', 'export default 1'],
    ['the clock', 'worker/loop.ts', 'const nowMs = Date.now()'],
    ['chance', 'chain/core/block.ts', 'const x = Math.random()'],
    ['the environment', 'p2p/node.ts', "const home = process.env['HOME']"],
    ['a folder of no layer', 'misc/thing.ts', 'export const a = 1'],
  ])('refuses %s', (_title, file, source) => {
    expect(layerBreaches(file, source)).toHaveLength(1)
  })

  test.each([
    ['worker/loop.ts', "import { jobs } from '#chain/client/jobs.ts'"],
    ['base/crypto/keys.ts', "import { secp256k1 } from '@noble/curves/secp256k1.js'"],
    ['chain/exec/embedded/evm.ts', "import { block } from '#chain/core/block.ts'"],
    ['cli/commands/up.ts', "import { worker } from '#worker/worker.ts'"],
    ['vitest.config.ts', 'export default {}'],
    ['chain/core/block.ts', 'const at = clock.Date.now // a field of somebody else'],
  ])('allows %s: %s', (file, source) => {
    expect(layerBreaches(file, source)).toEqual([])
  })
})

describe('nameBreaches', () => {
  test.each([
    'const data = 1',
    'let userInfo = 1',
    'const { data } = await get()',
    'const { a: data, b } = c',
    'const [info] = list',
    'function readData() {}',
    'function read(size: number, data: Uint8Array) {}',
    'const read = (data) => data.length',
    'const read = (size: number, info: string) => size',
    'each((data) => 1)',
    'class PeerManager {}',
    'type RowData = string',
    'interface Helpers {}',
  ])('refuses %s', (source) => {
    expect(nameBreaches('base/thing.ts', source)).not.toEqual([])
  })

  test.each([
    'const jobManager = 1',
    'const extraData = block.data',
    'const { data: bytes } = await get()',
    'logger.info({ data: 1 })',
    "const dataset = 'data'",
    'function open(dataDir: string) {}',
    'each((bytes) => bytes.data)',
    'const view = new DataView(buffer)',
  ])('allows %s', (source) => {
    expect(nameBreaches('base/thing.ts', source)).toEqual([])
  })

  test('looks at paths and at contracts', () => {
    expect(nameBreaches('base/utils.ts', '')).toEqual(['base/utils.ts: the path'])
    expect(nameBreaches('compute/data/csv.ts', '')).toEqual([])
    expect(
      solidityNameBreaches('a.sol', 'contract JobManager {} struct JobInfo { uint a; }'),
    ).toEqual(['a.sol: the name JobInfo'])
  })
})

describe('textBreaches', () => {
  test.each([
    ['a path of one machine', ['see ', 'home', 'ada'].join('/')],
    ['a registry', ['https://registry', 'example', 'org'].join('.')],
    ['a tool', ['written with cop', 'ilot'].join('')],
  ])('refuses %s', (_title, text) => {
    expect(textBreaches('README.md', text)).toHaveLength(1)
  })

  test('allows ordinary paths and addresses', () => {
    expect(
      textBreaches('README.md', 'lib/home/x, ~/.local/share, ./work/a, https://example.org'),
    ).toEqual([])
  })
})

describe('sizes', () => {
  test('a file above the limit is named', () => {
    const file = { path: 'base/long.ts', text: '\n'.repeat(401) }
    expect(tooLong([file], 400)).toEqual(['base/long.ts: 401 lines'])
    expect(tooLong([{ path: 'base/fits.ts', text: '\n'.repeat(400) }], 400)).toEqual([])
  })

  test('a function above the limit, and one with five parameters, are found by the linter', () => {
    const folder = mkdtempSync(join(tmpdir(), 'quern-tidy-'))
    try {
      const body = 'console.log(1)\n'.repeat(70)
      writeFileSync(join(folder, 'long.ts'), `export function long() {\n${body}}\n`)
      writeFileSync(
        join(folder, 'wide.ts'),
        'export const wide = (a: number, b: number, c: number, d: number, e: number) => a + b + c + d + e\n',
      )
      const found = sizeBreaches([folder])
      expect(found).toHaveLength(2)
      expect(found.join()).toMatch(/max-lines-per-function/)
      expect(found.join()).toMatch(/max-params/)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

function tooLong(files: readonly SourceFile[], linesMax: number): readonly string[] {
  return files.flatMap(({ path, text }) => {
    const lines = text.split('\n').length - 1
    return lines > linesMax ? [`${path}: ${lines} lines`] : []
  })
}

interface LintReport {
  readonly diagnostics: readonly { readonly code: string; readonly filename: string }[]
}

/** What the linter's rules on sizes say; they parse the code, which a count of lines cannot. */
function sizeBreaches(paths: readonly string[]): readonly string[] {
  const report = lint(['--format', 'json', '--config', join(root, '.oxlintrc.json'), ...paths])
  return report.diagnostics
    .filter(({ code }) => /max-(lines|params)/.test(code))
    .map(({ code, filename }) => `${filename}: ${code}`)
}

function lint(args: readonly string[]): LintReport {
  const program = join(root, 'node_modules/oxlint/bin/oxlint')
  try {
    const options = { cwd: root, maxBuffer: 2 ** 28, encoding: 'utf8' } as const
    return JSON.parse(execFileSync(process.execPath, [program, ...args], options)) as LintReport
  } catch (error) {
    const { stdout } = error as { stdout?: string } // it exits non-zero when it found something
    return JSON.parse(stdout ?? '') as LintReport
  }
}
