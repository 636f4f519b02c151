import { codeOf } from '#base/error.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Leaf } from '#wire/segment.ts'
import { fromHex, toHex } from '#base/hex.ts'
import { concatBytes, utf8 } from '#base/bytes.ts'
import { sha256 } from '#base/crypto/sha256.ts'
import { leafHashOf, stateRootOf, zeroHash } from '#compute/train/commit.ts'
import type { DrawnStep } from '#compute/train/drawn.ts'
import { tagPrefixOf } from '#compute/train/panel.ts'
import { type State, decodeState } from '#compute/train/state.ts'
import { isWithinTolerance } from '#compute/train/tolerance.ts'
import type { Runner } from '#compute/runner.ts'
import type { Files } from '#store/files.ts'

export type LocalStep = Extract<DrawnStep, { kind: 'local' }>

/** The tag of each evaluator for a step's bytes. */
export type Tags = ReadonlyMap<Hex, Hex>

/** What repeating steps showed: `foreign` means that the state is not the one before them. */
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
  /**
   * Of a tolerant job: gets the state that the worker says steps led to (a name in `files`); undefined while no place
   * has it. Without this, leaves are compared.
   */
  readonly stateAfter?: (drawn: LocalStep) => Promise<string | undefined>
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

/**
 * Repeats local steps from a served state (a name in `files`) and compares what they lead to with what was committed.
 * Undefined while a state that this needs besides is not here.
 */
export async function rerunStep(
  bench: Bench,
  drawn: LocalStep,
  options: { state: string; signal: AbortSignal },
): Promise<Repetition | undefined> {
  if (!(await isState(bench, drawn.before, options))) return { kind: 'foreign' }
  if (bench.stateAfter === undefined) return repeat(bench, drawn, options, isSameLeaf)
  const after = await bench.stateAfter(drawn)
  if (after === undefined) return undefined
  const { files } = bench
  try {
    if (!(await isState(bench, drawn.after, { ...options, state: after })))
      return { kind: 'foreign' }
    return await repeat(bench, drawn, options, async (_leaf, exact) => {
      const [found, right, first] = await Promise.all(
        [after, exact, options.state].map(async (name) => decodeState(await files.read(name))),
      )
      return isWithinTolerance(found as State, right as State, first as State)
    })
  } finally {
    await files.remove(after)
  }
}

type IsRight = (leaf: Leaf, state: string, drawn: LocalStep) => Promise<boolean>

const isSameLeaf: IsRight = async (leaf, _state, { after }) =>
  leafHashOf(leaf) === leafHashOf(after)

async function repeat(
  bench: Bench,
  drawn: LocalStep,
  { state, signal }: { state: string; signal: AbortSignal },
  isRight: IsRight,
): Promise<Repetition> {
  const { runner, files, tagging = nobody } = bench
  const next = `${state}.next`
  try {
    const { leaves } = await runner.train(
      {
        from: files.path(state),
        to: files.path(next),
        segmentSeed: bench.segmentSeed(drawn.worker, drawn.segment),
        firstBatch: drawn.batch,
        steps: drawn.steps,
        shard: bench.shard(drawn.worker),
      },
      { signal },
    )
    const leaf = leaves[drawn.steps - 1] as Leaf
    const { transcript } = leaf
    const tags = await tagsOf(files, tagging, { name: next, transcript })
    if (await isRight(leaf, next, drawn)) return { kind: 'equal', tags }
    return { kind: 'different', expected: leafHashOf(leaf), tags }
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
