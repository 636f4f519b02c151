import type { Engine } from '../exact/engine.ts'
import type { Leaf } from '#wire/segment.ts'
import type { Misbehaviour } from '../runner.ts'
import { partRootOf } from './commit.ts'

const noiseScale = 0.05

/**
 * Cheats for development chains, each with a lie that an audit must find. Whether step `step` of a call is
 * skipped: `skip` leaves out every second one, `noise` all of them.
 */
export function isSkipped(kind: Misbehaviour | undefined, step: number): boolean {
  return kind === 'noise' || (kind === 'skip' && step % 2 === 1)
}

/** Changes the last bit of the first weight: the smallest lie that there is. */
export function nudge({ p }: Pick<Engine, 'p'>): void {
  const bits = new Uint32Array(p.buffer, p.byteOffset, 1)
  bits[0] = (bits[0] as number) ^ 1
}

/** What a cheat claims of a step that it did not do: the state it has, one more step, an old transcript. */
export function claimStep(engine: Engine, kind: Misbehaviour | undefined, before: Leaf): Leaf {
  engine.setStep(engine.step + 1)
  if (kind !== 'noise') return { ...before, step: engine.step }
  for (let i = 0; i < engine.p.length; i += 1) {
    const shake = ((Math.imul(i + engine.step, 0x9e3779b1) >>> 8) / 0x1000000 - 0.5) * noiseScale
    engine.p[i] = (engine.p[i] as number) + shake
  }
  return { ...before, p: partRootOf(engine.p), step: engine.step }
}
