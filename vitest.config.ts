import { defineConfig } from 'vitest/config'
import { LongestFirst } from './test/longest-first.ts'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/contracts/**'],
    pool: 'forks',
    execArgv: ['--max-old-space-size=3072'], // a runaway test ends alone
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    testTimeout: 300_000, // against hanging only: no test measures seconds
    hookTimeout: 300_000,
    teardownTimeout: 10_000,
  },
})
