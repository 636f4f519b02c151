import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { type Planted, planted } from './planted.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const copy = mkdtempSync(join(tmpdir(), 'quern-planted-'))
for (const folder of ['base', 'chain/core', 'wire', 'test/sim']) {
  cpSync(join(root, folder), join(copy, folder), { recursive: true })
}
for (const file of ['package.json', 'scripts/flags.ts']) cpSync(join(root, file), join(copy, file))
symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
afterAll(() => rmSync(copy, { recursive: true }))

const pathOf = (file: string) => join('chain/core/consensus', file)

function plant({ edits }: Planted): void {
  for (const { file, from, to } of edits) {
    const text = readFileSync(join(copy, pathOf(file)), 'utf8')
    expect(text.split(from), `${file} holds once: ${from}`).toHaveLength(2)
    writeFileSync(
      join(copy, pathOf(file)),
      text.replace(from, () => to),
    )
  }
}

function weed({ edits }: Planted): void {
  for (const { file } of edits) cpSync(join(root, pathOf(file)), join(copy, pathOf(file)))
}

function simulate(seeds: number) {
  const args = ['test/sim/main.ts', '--seeds', String(seeds), '--json']
  return spawnSync(process.execPath, args, { cwd: copy, encoding: 'utf8' })
}

describe('the simulator', () => {
  test('finds nothing in the core as it is', () => {
    const { status, stdout } = simulate(50)
    expect(JSON.parse(stdout)).toMatchObject({ seeds: 50, violations: 0 })
    expect(status).toBe(0)
  })

  test.each(planted)('finds "$title" within $seedsMax seeds', (bug) => {
    plant(bug)
    try {
      const { status, stdout, stderr } = simulate(bug.seedsMax)
      expect(stderr).not.toMatch(/SyntaxError|ERR_MODULE/)
      expect(status, stdout).toBe(1)
      expect(JSON.parse(stdout)).toMatchObject({ violation: expect.stringMatching(/./) })
    } finally {
      weed(bug)
    }
  })
})
