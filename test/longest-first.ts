import { BaseSequencer, type TestSpecification } from 'vitest/node'

/**
 * Files that take minutes, longest first: begun last, one of them would run alone at the end. The three with the most
 * liars are not begun together.
 */
const longest = [
  'e2e/liars',
  'e2e/dispute-liars',
  'e2e/epochs',
  'e2e/evaluator-kill',
  'e2e/vanish',
  'e2e/liars-silent',
  'e2e/liars-steps',
  'e2e/client',
  'e2e/faults',
  'e2e/dispute',
  'e2e/demo',
]

/** Begins the longest files first; the others as vitest does. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const usual = super.sort.bind(this) // gives a promise: it is no sort of an array
    return (await usual(files)).toSorted((a, b) => rankOf(a) - rankOf(b))
  }
}

function rankOf({ moduleId }: TestSpecification): number {
  const rank = longest.findIndex((name) => moduleId.endsWith(`${name}.test.ts`))
  return rank === -1 ? longest.length : rank
}
