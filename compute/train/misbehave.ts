import type { Engine } from '../exact/engine.ts'
import type { Leaf } from '#wire/segment.ts'
import type { Misbehaviour } from '../runner.ts'
import { partRootOf } from './commit.ts'

const noiseScale = 0.05
/** `skip-few` leaves out one step of so many. */
const fewEach = 20
/** How far `alie` moves each parameter, as a share of its honest change. */
const alieShift = 0.3
/** The highest bit of a binary32 number's fraction. */
const fractionBit = 22

/** What a cheat of a development chain does around its steps; an audit must find each. */
export interface Lie {
  /** Whether step `step` of a call is claimed without being done. */
  skips(step: number): boolean
  /** Just before a step, its batch being loaded. */
  before(): void
  /** Just after a step. */
  after(): void
}

/** The lie of a kind; none does nothing. All follow from the engine's state, so that repeating gives the same. */
export function lieOf(kind: Misbehaviour | undefined, engine: Engine): Lie {
  let held: Float32Array | undefined
  return {
    skips: (step) =>
      kind === 'noise' ||
      (kind === 'skip' && step % 2 === 1) ||
      (kind === 'skip-few' && isFew(engine.step)),
    before() {
      if (kind === 'flip-bit') flipBit(engine)
      if (kind === 'zero-rate' || kind === 'sign-flip' || kind === 'alie') held = engine.p.slice()
    },
    after() {
      if (kind === 'ulp') nudge(engine)
      if (held) bend(engine.p, held, kind)
      held = undefined
    },
  }
}

/** One step of twenty, spread by a multiplicative hash of its number; the first of them is the fifth. */
function isFew(step: number): boolean {
  return ((Math.imul(step + 1, 0x9e3779b1) ^ 0x9e3779b9) >>> 0) % fewEach === 0
}

/** Flips one bit of the largest value of the batch: an activation of the first layer. */
function flipBit({ x }: Pick<Engine, 'x'>): void {
  if (x instanceof Int32Array) return
  const largest = x.reduce(
    (best, value, i) => (Math.abs(value) > Math.abs(x[best] ?? 0) ? i : best),
    0,
  )
  const bits = new Uint32Array(x.buffer, x.byteOffset, x.length)
  bits[largest] = (bits[largest] as number) ^ (1 << fractionBit)
}

/** Parameters after a step that follows its gradient not at all, backwards, or a little less than it should. */
function bend(p: Float32Array, held: Float32Array, kind: Misbehaviour | undefined): void {
  for (let i = 0; i < p.length; i += 1) {
    const [before, after] = [held[i] as number, p[i] as number]
    const change = after - before
    if (kind === 'zero-rate') p[i] = before
    else p[i] = kind === 'sign-flip' ? before - change : after - alieShift * Math.abs(change)
  }
}

/** Takes the next number for the first weight, never back: the smallest lie that no later one takes away. */
function nudge({ p }: Pick<Engine, 'p'>): void {
  const bits = new Uint32Array(p.buffer, p.byteOffset, 1)
  bits[0] = (bits[0] as number) + 1
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
