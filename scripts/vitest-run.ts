import { type TestCase, type TestModule, type Vitest, startVitest } from 'vitest/node'
import { type Failure, type Tally, emptyTally, failureOf } from './tally.ts'

/** Runs the test files whose path contains one of `filters` and counts what came out. */
export async function runVitest(
  filters: readonly string[],
  options: { readonly maxWorkers: number },
): Promise<Tally> {
  const vitest = await startVitest([...filters], {
    watch: false,
    run: true,
    passWithNoTests: true,
    reporters: ['default'],
    maxWorkers: options.maxWorkers,
    fileParallelism: options.maxWorkers > 1,
  })
  const tally = tallyOf(vitest)
  await vitest.close()
  process.exitCode = 0 // the caller decides, from the tally
  return tally
}

function tallyOf(vitest: Vitest): Tally {
  let tally = emptyTally
  for (const module of vitest.state.getTestModules()) tally = addModule(tally, module)
  const strays = vitest.state.getUnhandledErrors()
  return {
    ...tally,
    failed: [...tally.failed, ...strays.map((error) => failureOf('unhandled', [error as Failure]))],
  }
}

function addModule(tally: Tally, module: TestModule): Tally {
  const tests = [...module.children.allTests()]
  const failed = tests
    .filter((test) => test.result().state === 'failed')
    .map((test) => failureOf(titleOf(test), test.result().errors))
  const skipped = tests
    .filter((test) => ['skipped', 'pending'].includes(test.result().state))
    .map((test) => ({ title: titleOf(test), reason: reasonOf(test) }))
  const passed = tests.filter((test) => test.result().state === 'passed').length
  // A file that does not load, or whose hooks fail, has no failed test: it counts as one.
  if (module.state() === 'failed' && failed.length === 0) {
    const suites = [...module.children.allSuites()].flatMap((suite) => suite.errors())
    failed.push(failureOf(module.relativeModuleId, [...module.errors(), ...suites]))
  }
  return {
    passed: tally.passed + passed,
    failed: [...tally.failed, ...failed],
    skipped: [...tally.skipped, ...skipped],
  }
}

function titleOf(test: TestCase): string {
  return `${test.module.relativeModuleId} > ${test.fullName}`
}

function reasonOf(test: TestCase): string {
  const result = test.result()
  if (result.state !== 'skipped') return 'never ran'
  if (result.note !== undefined) return result.note
  if (test.options.mode === 'todo') return 'to do'
  return test.options.mode === 'run' ? 'what it builds on failed' : 'no reason given'
}
