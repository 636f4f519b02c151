/**
 * The engine as one plain ES module, with its known answers: what `scripts/bundle-engine.ts` bundles. Loaded
 * as a worker thread of itself it is one of the engine's threads.
 */
import { isMainThread } from 'node:worker_threads'
import { createTeamOf } from '#compute/exact/thread-team.ts'
import { engineIdOf } from '#compute/exact/kernels.ts'
import { type Answer, type KnownName, answerOf } from '#test/unit/compute/known-answer.ts'

if (!isMainThread) await import('#compute/exact/thread.ts')

const createTeam = createTeamOf(new URL(import.meta.url))

/** Trains a known model on this many threads; `steps` as in known-answers.json. */
export function answer(
  name: KnownName,
  wasm: Uint8Array<ArrayBuffer>,
  options: { readonly threads: number; readonly steps: number },
): Promise<Answer> {
  return answerOf(name, wasm, { ...options, createTeam })
}

export { engineIdOf }
