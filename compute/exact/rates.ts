import type { TrainSpec } from '#wire/spec.ts'
import { rateSlots } from './lowering.ts'

const f = Math.fround

/** The optimizer's scalars. Each is a fixed sequence of binary32 operations; products are never powers. */
export interface Rates {
  readonly step: number
  /** Counts from the initial state; betas are multiplied up step by step. */
  readonly setStep: (step: number) => void
  /** Writes the scalars of the next step, then counts it. */
  advance(slots: Float32Array): void
}

/** Scalars for AdamW (rate / (1 - beta^t) and so on) or SGD (the rate alone). */
export function createRates(spec: TrainSpec): Rates {
  const { optimizer } = spec
  const beta1 = optimizer.kind === 'adamw' ? f(optimizer.beta1) : 0
  const beta2 = optimizer.kind === 'adamw' ? f(optimizer.beta2) : 0
  const epsilon = optimizer.kind === 'adamw' ? f(optimizer.epsilon) : 0
  const decay = optimizer.kind === 'adamw' ? f(optimizer.weightDecay) : 0
  let step = 0
  let power1 = 1
  let power2 = 1

  function count(): void {
    step += 1
    power1 = f(power1 * beta1)
    power2 = f(power2 * beta2)
  }

  return {
    get step() {
      return step
    },
    setStep(target) {
      if (target < step) {
        step = 0
        power1 = 1
        power2 = 1
      }
      while (step < target) count()
    },
    advance(slots) {
      const rate = learningRateAt(spec, step)
      count()
      slots[rateSlots.beta1] = beta1
      slots[rateSlots.rest1] = f(1 - beta1)
      slots[rateSlots.beta2] = beta2
      slots[rateSlots.rest2] = f(1 - beta2)
      slots[rateSlots.rate] = f(rate / f(1 - power1))
      slots[rateSlots.correction] = f(1 / f(1 - power2))
      slots[rateSlots.epsilon] = epsilon
      slots[rateSlots.keep] = f(1 - f(rate * decay))
    },
  }
}

/** The schedule: constant, or rate * ((total - step) / total) with total = rounds * localSteps, at least 1 step. */
export function learningRateAt(spec: TrainSpec, step: number): number {
  const rate = f(spec.optimizer.learningRate)
  if (spec.schedule === 'constant') return rate
  const total = spec.rounds * spec.localSteps
  const left = total - Math.min(step, total - 1)
  return f(rate * f(f(left) / f(total)))
}
