import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const run = (file: string, ...args: readonly string[]) =>
  spawnSync(process.execPath, [file, ...args], { cwd: root, encoding: 'utf8' })

describe('a script with wrong flags ends with 2, since 1 is a finding', () => {
  test.each([
    ['test/sim/main.ts', ['--seed', '3'], /'--seed'.*\nflags: --from --seeds --json/s],
    ['test/sim/main.ts', ['--from', 'x'], /--from is a whole number from 0 .*"x"/],
    ['test/sim/main.ts', ['--seeds', '0'], /--seeds is a whole number from 1 /],
    ['test/sim/main.ts', ['--seeds', '-3'], /--seeds/],
    ['test/adversaries/report.ts', ['--nonsense'], /flags: --json --only/],
    ['test/mutants/main.ts', ['--count', 'many'], /--count is a whole number/],
    ['test/bench/chain.ts', ['--nonsense'], /flags: --only/],
    ['scripts/test-long.ts', ['--count', '0'], /--count is a whole number/],
  ])('%s %j', (file, args, said) => {
    const { status, stderr, stdout } = run(file, ...args)
    expect(stderr).toMatch(said)
    expect(stderr).not.toContain('    at ')
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
  })
})
