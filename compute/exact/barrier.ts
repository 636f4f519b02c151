import { AppError } from '#base/error.ts'
import type { PlanName } from './team.ts'

/** Words of the control block at the start of the engine's memory. */
const words = { order: 0, plan: 1, arrived: 2, passed: 3, faults: 4, drawn: 5 } as const
const wordCount = 16
const planNames: readonly PlanName[] = ['train', 'forward']
const probe = 2
const stop = 3
const digest = 4
const hashing = 8 // added to a plan's number
// A look at a word takes about 5 ns: from 3 to 200 microseconds.
const spinsMin = 512
const spinsMax = 32_768
const waitMsMax = 120_000

export type Order =
  | { kind: 'run'; plan: PlanName; isHashing: boolean }
  | { kind: 'probe' }
  | { kind: 'digest' }
  | { kind: 'stop' }

/** How threads give orders and wait for each other: Atomics on shared memory. Throws THREAD_LOST. */
export function createControl(memory: WebAssembly.Memory, threads: number) {
  const control = new Int32Array(memory.buffer, 0, wordCount)

  let spins = spinsMax

  /**
   * Looks at a word until it has changed, at most `spins` times. Where that helps it looks longer next time;
   * where not, because the other thread has no core now, it gives up sooner and leaves the core to it.
   */
  function spinWhile(word: number, value: number): void {
    for (let spin = 0; spin < spins; spin += 1) {
      if (Atomics.load(control, word) !== value) {
        spins = Math.min(spinsMax, 2 * spins)
        return
      }
    }
    spins = Math.max(spinsMin, spins >> 1)
  }

  function waitWhile(word: number, value: number): void {
    spinWhile(word, value)
    while (Atomics.load(control, word) === value) {
      if (Atomics.wait(control, word, value, waitMsMax) === 'timed-out') {
        throw new AppError({ code: 'THREAD_LOST', afterMs: waitMsMax })
      }
    }
  }

  return {
    /** Returns when every thread has called it as often as this one; till then it works, while there is work. */
    barrier: (work?: () => boolean): void => {
      const passed = Atomics.load(control, words.passed)
      if (Atomics.add(control, words.arrived, 1) === threads - 1) {
        Atomics.store(control, words.arrived, 0)
        Atomics.add(control, words.passed, 1)
        Atomics.notify(control, words.passed)
      } else {
        while (work?.() && Atomics.load(control, words.passed) === passed);
        waitWhile(words.passed, passed)
      }
    },
    give(order: Order): void {
      Atomics.store(control, words.faults, 0)
      Atomics.store(control, words.drawn, 0)
      Atomics.store(control, words.plan, codeOf(order))
      Atomics.add(control, words.order, 1)
      Atomics.notify(control, words.order)
    },
    /** Waits, without limit, for the order after number `seen`. */
    await(seen: number): Order {
      spinWhile(words.order, seen)
      while (Atomics.load(control, words.order) === seen) Atomics.wait(control, words.order, seen)
      return orderOf(Atomics.load(control, words.plan))
    },
    /** The next number of this order, from 0; no two threads get the same. */
    draw: (): number => Atomics.add(control, words.drawn, 1),
    reportFault(): void {
      Atomics.add(control, words.faults, 1)
    },
    faults: () => Atomics.load(control, words.faults),
  }
}

export type Control = ReturnType<typeof createControl>

function codeOf(order: Order): number {
  if (order.kind === 'run') return planNames.indexOf(order.plan) + (order.isHashing ? hashing : 0)
  return { probe, stop, digest }[order.kind]
}

function orderOf(code: number): Order {
  const plan = planNames[code & ~hashing]
  if (plan) return { kind: 'run', plan, isHashing: (code & hashing) !== 0 }
  if (code === digest) return { kind: 'digest' }
  return { kind: code === probe ? 'probe' : 'stop' }
}
