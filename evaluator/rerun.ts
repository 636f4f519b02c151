import { codeOf } from '#base/error.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Leaf } from '#wire/segment.ts'
import { leafHashOf, stateRootOf } from '#compute/train/commit.ts'
import type { DrawnStep } from '#compute/train/drawn.ts'
import type { Runner } from '#compute/runner.ts'
import type { Files } from '#store/files.ts'

export type LocalStep = Extract<DrawnStep, { kind: 'local' }>

/** What repeating a step showed: `foreign` means that the state is not the one before the step. */
export type Repetition =
  | { readonly kind: 'equal' }
  | { readonly kind: 'different'; readonly expected?: Hex }
  | { readonly kind: 'foreign' }

/** Where steps are repeated. */
export interface Bench {
  readonly runner: Pick<Runner, 'inspect' | 'train'>
  readonly files: Files
  readonly segmentSeed: (worker: Hex, segment: number) => Hex
  readonly shard: (worker: Hex) => { index: number; count: number }
}

/** Repeats one local step from a served state (a name in `files`) and compares it with what was committed. */
export async function rerunStep(
  bench: Bench,
  drawn: LocalStep,
  options: { state: string; signal: AbortSignal },
): Promise<Repetition> {
  const { runner, files } = bench
  const { state, signal } = options
  if (!(await isState(bench, drawn.before, options))) return { kind: 'foreign' }
  const next = `${state}.next`
  try {
    const { leaves } = await runner.train(
      {
        from: files.path(state),
        to: files.path(next),
        segmentSeed: bench.segmentSeed(drawn.worker, drawn.segment),
        firstBatch: drawn.batch,
        steps: 1,
        shard: bench.shard(drawn.worker),
      },
      { signal },
    )
    const expected = leafHashOf(leaves[0] as Leaf)
    return expected === leafHashOf(drawn.after)
      ? { kind: 'equal' }
      : { kind: 'different', expected }
  } catch (error) {
    // An honest worker stops at a step that is not finite: it has no leaf.
    if (codeOf(error) === 'NON_FINITE') return { kind: 'different' }
    throw error
  } finally {
    await files.remove(next)
  }
}

/** What reading a file says that is no state of this job. */
const foreignCodes = new Set([
  'STATE_INVALID',
  'SAFETENSORS_INVALID',
  'SAFETENSORS_TOO_LARGE',
  'NON_FINITE',
])

async function isState(
  { runner, files }: Bench,
  before: Leaf,
  { state, signal }: { state: string; signal: AbortSignal },
): Promise<boolean> {
  try {
    const found = await runner.inspect(files.path(state), { signal })
    return stateRootOf(found) === stateRootOf(before)
  } catch (error) {
    if (foreignCodes.has(codeOf(error) ?? '')) return false
    throw error
  }
}
