import { listProof } from '#base/crypto/merkle.ts'
import { AppError } from '#base/error.ts'
import { fromHex, toHex } from '#base/hex.ts'
import { leafHashOf } from '#compute/train/commit.ts'
import { type TensorFile, openTensors } from '#compute/transcript/tensor-file.ts'
import type { Program } from '#compute/transcript/program.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Leaf } from '#wire/segment.ts'
import type { Work } from './work.ts'

/** Where the steps of a claim come from. */
export interface StepSource {
  readonly program: Program
  /** The leaf before the first step, then one after each. */
  readonly leaves: readonly Leaf[]
  /** What each step was given beside its state. */
  readonly batches: () => Promise<readonly Hex[]>
  /** Repeats a step of the claim and writes its tensors into a file; answers its path. */
  readonly transcribe: (step: number) => Promise<string>
}

/** Work from files, of which one is open at a time. */
export function workOfFiles({
  program,
  leaves,
  batches,
  transcribe,
}: StepSource): Work & { close(): void } {
  let known: { step: number; tensors: TensorFile } | undefined

  function leafAt(step: number): Leaf {
    const leaf = leaves[step]
    if (leaf) return leaf
    throw new AppError({ code: 'STEP_UNKNOWN', step })
  }

  return {
    leafHash: async (step) => leafHashOf(leafAt(step)),
    async batchPath(step) {
      const roots = (await batches()).map((root) => fromHex(root))
      return listProof(roots, step).path.map((hash) => toHex(hash))
    },
    async step(step) {
      if (known?.step !== step) {
        known?.tensors.close()
        known = undefined
        known = { step, tensors: openTensors(program, await transcribe(step)) }
      }
      return { start: leafAt(step), tensors: known.tensors }
    },
    close() {
      known?.tensors.close()
      known = undefined
    },
  }
}
