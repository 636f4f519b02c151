import { codeOf } from '#base/error.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Leaf } from '#wire/segment.ts'
import { fromHex, toHex } from '#base/hex.ts'
import { concatBytes, utf8 } from '#base/bytes.ts'
import { sha256 } from '#base/crypto/sha256.ts'
import { leafHashOf, stateRootOf, zeroHash } from '#compute/train/commit.ts'
import type { DrawnStep } from '#compute/train/drawn.ts'
import { tagPrefixOf } from '#compute/train/panel.ts'
import type { Runner } from '#compute/runner.ts'
import type { Files } from '#store/files.ts'

export type LocalStep = Extract<DrawnStep, { kind: 'local' }>

/** The tag of each evaluator for a step's bytes. */
export type Tags = ReadonlyMap<Hex, Hex>

/** What repeating a step showed: `foreign` means that the state is not the one before the step. */
export type Repetition =
  | { readonly kind: 'equal'; readonly tags: Tags }
  | { readonly kind: 'different'; readonly expected?: Hex; readonly tags: Tags }
  | { readonly kind: 'foreign' }

/** Where steps are repeated. */
export interface Bench {
  readonly runner: Pick<Runner, 'inspect' | 'train'>
  readonly files: Files
  readonly segmentSeed: (worker: Hex, segment: number) => Hex
  readonly shard: (worker: Hex) => { index: number; count: number }
  /** Whose tags are made: nobody's, where nobody shares work. */
  readonly tagging?: Tagging
}

/** What tags of a step are made with. */
export interface Tagging {
  readonly evaluators: readonly Hex[]
  readonly beacon: Hex
}

/**
 * Tags of a file after a step (all of its bytes, then the transcript's root, 32 bytes): nobody has these bytes that has not repeated
 * the step, unless the state after it was drawn as well.
 */
export async function tagsOf(
  files: Files,
  { evaluators, beacon }: Tagging,
  { name, transcript }: { name: string; transcript: Hex },
): Promise<Tags> {
  const prefixes = evaluators.map((evaluator) => concatBytes(...tagPrefixOf(evaluator, beacon)))
  const digests = await files.digests(name, { prefixes, suffix: fromHex(transcript) })
  return new Map(evaluators.map((evaluator, i) => [evaluator, toHex(digests[i] as Uint8Array)]))
}

/** Tags of a step that has no state after it. */
function tagsOfNothing({ evaluators, beacon }: Tagging): Tags {
  const tag = (evaluator: Hex) =>
    toHex(sha256(...tagPrefixOf(evaluator, beacon), utf8('NON_FINITE')))
  return new Map(evaluators.map((evaluator) => [evaluator, tag(evaluator)]))
}

const nobody: Tagging = { evaluators: [], beacon: zeroHash }

/** Repeats one local step from a served state (a name in `files`) and compares it with what was committed. */
export async function rerunStep(
  bench: Bench,
  drawn: LocalStep,
  options: { state: string; signal: AbortSignal },
): Promise<Repetition> {
  const { runner, files, tagging = nobody } = bench
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
    const leaf = leaves[0] as Leaf
    const { transcript } = leaf
    const tags = await tagsOf(files, tagging, { name: next, transcript })
    const expected = leafHashOf(leaf)
    return expected === leafHashOf(drawn.after)
      ? { kind: 'equal', tags }
      : { kind: 'different', expected, tags }
  } catch (error) {
    // An honest worker stops at a step that is not finite: it has no leaf.
    if (codeOf(error) === 'NON_FINITE') return { kind: 'different', tags: tagsOfNothing(tagging) }
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
