import { assert } from '#base/assert.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Graph } from '../graph/graph.ts'
import { integer } from '../graph/operator.ts'
import { noiseKeyBytes } from './lowering.ts'
import { streamKeyOf } from './random.ts'

/** Layers of the streams that drop values; lower numbers are of parameters. */
const firstLayer = 0x40000000

/** How many streams the dropouts of a graph use. */
export function noiseLayersOf({ nodes }: Graph): number {
  const layers = nodes
    .filter(({ operator }) => operator === 'Dropout')
    .map(({ attributes }) => integer(attributes, 'layer') + 1)
  return Math.max(0, ...layers)
}

/** Keys of the streams of one step, by (seed, step, layer). */
export interface Noise {
  readonly setSeed: (seed: Hex) => void
  /** Writes the keys of a step. */
  readonly write: (step: number) => void
}

/** `keys` is where dropouts read them, 16 bytes for each layer. */
export function createNoise(keys: Uint8Array): Noise {
  let seed: Hex | undefined
  return {
    setSeed(next) {
      seed = next
    },
    write(step) {
      if (keys.length === 0) return
      assert(seed, 'a model with dropout has a seed of its noise')
      for (let layer = 0; layer * noiseKeyBytes < keys.length; layer += 1) {
        keys.set(streamKeyOf(seed, step, firstLayer + layer), layer * noiseKeyBytes)
      }
    },
  }
}
