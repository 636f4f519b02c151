import { Account, Address } from '@ethereumjs/util'
import { describe, expect, test } from 'vitest'
import { createRng } from '#base/rng.ts'
import { toHex } from '#base/hex.ts'
import { createChainCommon } from '#chain/exec/embedded/chain-common.ts'
import { loadCrypto } from '#chain/exec/embedded/crypto.ts'
import { type Machine, createMachine } from '#chain/exec/embedded/machine.ts'
import { computeRoots } from '#chain/exec/embedded/roots.ts'
import { emptyView } from '#chain/exec/embedded/state-view.ts'
import { emptyRootBytes } from '#chain/exec/embedded/trie-loader.ts'
import { edges, pushOf, randomProgram, takers } from './random-program.ts'

const crypto = await loadCrypto()
const common = createChainCommon(78787, crypto)
const own = await createMachine(common, crypto)
const stock = await createMachine(common, crypto, { kind: 'stock' })

const addressAt = (i: number) => new Address(new Uint8Array(20).fill(0xa0 + i))
const caller = new Address(new Uint8Array(20).fill(0x11))
const zeroHash = `0x${'00'.repeat(32)}` as const

interface Scenario {
  readonly codes: readonly Uint8Array[]
  readonly input: Uint8Array
  readonly gas: bigint
}

/** Runs the first of the codes, which may call the others; gives all that can be told of it. */
async function outcomeOf(machine: Machine, { codes, input, gas }: Scenario) {
  const block = machine.enter(
    emptyView,
    {
      number: 7,
      timestamp: 1_700_000_000,
      gasLimit: 30_000_000n,
      baseFeePerGas: 7n,
      feeRecipient: `0x${'fe'.repeat(20)}`,
      prevRandao: `0x${'ab'.repeat(32)}`,
      parentHash: zeroHash,
      parentBeaconBlockRoot: zeroHash,
    },
    (number) => new Uint8Array(32).fill(number),
  )
  const { state, evm } = machine
  await state.putAccount(caller, new Account(0n, 10n ** 20n))
  for (const [i, code] of codes.entries()) {
    await state.putAccount(addressAt(i), new Account(1n, 1_000n))
    await state.putCode(addressAt(i), code)
  }
  const { execResult } = await evm.runCall({
    block,
    caller,
    gasPrice: 9n,
    gasLimit: gas,
    to: addressAt(0),
    value: 3n,
    data: input,
  })
  await evm.journal.cleanup()
  state.originalStorageCache.clear()
  evm.transientStorage.clear()
  const pending = { ...state.pending(), keccak256: crypto.keccak256 }
  return {
    gas: execResult.executionGasUsed,
    refund: execResult.gasRefund,
    error: execResult.exceptionError?.error,
    output: toHex(execResult.returnValue),
    logs: (execResult.logs ?? []).map(([a, b, c]) => [toHex(a), b.map(toHex), toHex(c)]),
    root: toHex(computeRoots(emptyView, emptyRootBytes, pending).stateRoot),
  }
}

/** The same run with somebody listening to each step: what a trace shows. */
async function tracedOutcomeOf(machine: Machine, scenario: Scenario) {
  let steps = 0
  const count = () => (steps += 1)
  machine.evm.events.on('step', count)
  try {
    return { ...(await outcomeOf(machine, scenario)), steps }
  } finally {
    machine.evm.events.off('step', count)
  }
}

const seeds = Array.from({ length: 12 }, (_, i) => i + 1)
const programsEach = 60

describe('useFastLoop', () => {
  test.each(seeds)('does what the stock loop does, over random code (seed %i)', async (seed) => {
    const rng = createRng(seed)
    const kinds = new Set<string | undefined>()
    for (let i = 0; i < programsEach; i += 1) {
      const codes = [0, 1, 2].map(() => randomProgram(rng, { targets: 3, addressAt }))
      const input = Uint8Array.from({ length: rng.below(81) }, () => rng.below(256))
      const whole = { codes, input, gas: 400_000n }
      const expected = await outcomeOf(stock, whole)
      kinds.add(expected.error?.split(' at ')[0])
      const text = codes.map((code) => toHex(code)).join(' ')
      expect(await outcomeOf(own, whole), text).toEqual(expected)
      // And with gas that ends somewhere on the way.
      const short = { ...whole, gas: BigInt(rng.below(Number(expected.gas) + 1)) }
      expect(await outcomeOf(own, short), text).toEqual(await outcomeOf(stock, short))
    }
    expect(kinds.size, 'runs end in several ways').toBeGreaterThan(2)
  })

  const computing = [1, 2, 3].flatMap((count) => (takers[count] ?? []).map((op) => [op, count]))
  const arithmetic = computing.filter(([op = 0]) => op < 0x20)

  test.each(arithmetic)('computes like the stock loop at the edges (0x%x)', async (op, count) => {
    const rng = createRng(op ?? 0)
    const operands = count === 3 ? undefined : edges.length ** (count ?? 0)
    const code: number[] = []
    for (let i = 0; i < (operands ?? 300); i += 1) {
      for (let k = 0; k < (count ?? 0); k += 1) {
        const at = operands === undefined ? rng.below(edges.length) : i / edges.length ** k
        code.push(...pushOf(edges[Math.floor(at) % edges.length] ?? 0n))
      }
      code.push(op ?? 0, ...pushOf(BigInt(32 * i)), 0x52)
    }
    code.push(...pushOf(BigInt(32 * (operands ?? 300))), 0x5f, 0xf3)
    const scenario = { codes: [Uint8Array.from(code)], input: new Uint8Array(), gas: 1_000_000n }
    const expected = await outcomeOf(stock, scenario)
    expect(expected.error).toBe(undefined)
    expect(await outcomeOf(own, scenario)).toEqual(expected)
  })

  test('lets others in after each million gas of one call, whoever uses it', async () => {
    const endless = Uint8Array.of(0x5b, 0x5f, 0x56) // JUMPDEST PUSH0 JUMP
    const withoutInput = [0x5f, 0x5f, 0x5f, 0x5f, 0x5f]
    const callSecond = [0x73, ...addressAt(1).bytes, ...pushOf(300_000n), 0xf1, 0x50]
    const calling = Uint8Array.from([0x5b, ...withoutInput, ...callSecond, 0x5f, 0x56])
    for (const codes of [[endless], [calling, endless]]) {
      let turns = 0
      let hasEnded = false
      const count = () => {
        turns += 1
        if (!hasEnded) setImmediate(count)
      }
      setImmediate(count)
      const { error } = await outcomeOf(own, { codes, input: new Uint8Array(), gas: 16_000_000n })
      hasEnded = true
      expect(error).toBe('out of gas')
      expect(turns).toBeGreaterThan(11)
    }
  })

  test('leaves traces as they are', async () => {
    const rng = createRng(99)
    for (let i = 0; i < 20; i += 1) {
      const codes = [0, 1, 2].map(() => randomProgram(rng, { targets: 3, addressAt }))
      const scenario = { codes, input: new Uint8Array(40).fill(5), gas: 300_000n }
      const { steps, ...traced } = await tracedOutcomeOf(own, scenario)
      expect(traced).toEqual(await outcomeOf(own, scenario))
      expect(steps).toBe((await tracedOutcomeOf(stock, scenario)).steps)
    }
  })
})
