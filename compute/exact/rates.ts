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

/** Scalars for AdamW (rate / (1 - beta^t) and so on) or SGD (the rate, and the momentum in place of beta1). */
export function createRates(spec: TrainSpec): Rates {
  const { optimizer } = spec
  const beta1 = optimizer.kind === 'adamw' ? f(optimizer.beta1) : 0
  const momentum = optimizer.kind === 'sgd' ? f(optimizer.momentum ?? 0) : beta1
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
      slots[rateSlots.beta1] = momentum
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

/**
 * The rate of a step, counted from 0, with T = rounds * localSteps and W = warmupSteps or 0: rate * ((step + 1) / W)
 * for step < W, then rate * (left / span) or rate * fall(left, span), where span = T - W and left = T - step, at
 * least 1; or the rate as it is.
 */
export function learningRateAt(spec: TrainSpec, step: number): number {
  const rate = f(spec.optimizer.learningRate)
  const { warmupSteps = 0, schedule } = spec
  if (step < warmupSteps) return f(rate * f(f(step + 1) / f(warmupSteps)))
  if (schedule === 'constant') return rate
  const total = spec.rounds * spec.localSteps
  const left = total - Math.min(step, total - 1)
  const span = total - warmupSteps
  if (schedule === 'linear') return f(rate * f(f(left) / f(span)))
  return f(rate * cosineFall(left, span))
}

const sineTerms = [0.00016044118, -0.0046817539, 0.079692625, -0.64596409, 1.5707964].map(f)
const cosineTerms = [0.00091926026, -0.020863481, 0.2536695, -1.2337005, 1].map(f)

/**
 * (1 + cos(pi (1 - left / span))) / 2 for 0 <= left <= span, by polynomials of binary32 operations: the square of
 * sin(pi y / 2) where y = left / span is at most a half, else of cos(pi x / 2) with x = (span - left) / span.
 */
export function cosineFall(left: number, span: number): number {
  const y = f(f(left) / f(span))
  const isLow = y <= 0.5
  const x = isLow ? y : f(f(span - left) / f(span))
  const square = f(x * x)
  const terms = isLow ? sineTerms : cosineTerms
  const sum = terms.slice(1).reduce((held, term) => f(f(held * square) + term), terms[0] as number)
  const root = isLow ? f(sum * x) : sum
  return f(root * root)
}
