import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import packageJson from '#package.json' with { type: 'json' }
import { settingsTable } from '#cli/configuration.ts'
import { exitCodes } from '#cli/exit-codes.ts'
import { layers } from '../tidy/layers.ts'

const read = (name: string) => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8')
const cells = (line: string) => line.replaceAll(/\s*\|\s*/g, '|')
const firstColumn = (text: string) =>
  [...text.matchAll(/^\| `([^`]+)` +\|/gm)].map((match) => match[1] as string)

describe('README', () => {
  test('has the table of settings as the code has it', () => {
    const lines = read('README.md').split('\n').map(cells)
    const rows = settingsTable()
      .split('\n')
      .filter((line) => !line.startsWith('|---'))
    for (const row of rows) expect(lines).toContain(cells(row))
  })

  test('has every exit code', () => {
    for (const code of Object.values(exitCodes)) {
      expect(read('README.md')).toMatch(new RegExp(`^\\| ${code} +\\|`, 'm'))
    }
  })

  test('names scripts that exist', () => {
    const named = [read('README.md'), read('CONTRIBUTING.md')]
      .flatMap((text) => [...text.matchAll(/npm run (?:-s )?([a-z:]+)/g)])
      .map((match) => match[1] as string)
    expect(named.length).toBeGreaterThan(5)
    for (const name of named) expect(Object.keys(packageJson.scripts)).toContain(name)
  })
})

describe('ARCHITECTURE', () => {
  const text = read('ARCHITECTURE.md')

  test('gives a reason for each dependency, and for nothing else', () => {
    const { dependencies, devDependencies, optionalDependencies } = packageJson
    const named = firstColumn(text.slice(text.indexOf('## Why each dependency')))
    const used = { ...dependencies, ...devDependencies, ...optionalDependencies }
    expect(named.toSorted()).toEqual(Object.keys(used).toSorted())
  })

  test('has a row for every layer', () => {
    const table = text.slice(text.indexOf('## Who imports whom'), text.indexOf("## A job's way"))
    for (const folder of Object.keys(layers)) expect(table).toContain(`\`${folder}\``)
  })

  test('names files that exist', () => {
    const paths = [...text.matchAll(/`((?:[a-z0-9-]+\/)+[a-z0-9-]+\.(?:ts|sol|mjs))`/g)]
    expect(paths.length).toBeGreaterThan(10)
    for (const [, path] of paths) {
      expect(existsSync(new URL(`../../${path}`, import.meta.url)), path).toBe(true)
    }
  })
})
