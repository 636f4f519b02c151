import type { EVM } from '@ethereumjs/evm'
import { createChainCommon } from '#chain/exec/embedded/chain-common.ts'
import { loadCrypto } from '#chain/exec/embedded/crypto.ts'
import { createMachine } from '#chain/exec/embedded/machine.ts'
import { type PrecompileCase, precompileCases } from './precompile-inputs.ts'

/** How dear a precompile's work is for its price. */
export interface PrecompileSpeed {
  readonly name: string
  readonly gas: number
  readonly microseconds: number
  readonly mgasPerSecond: number
}

const gasLimit = 100_000_000_000n

/** Measures every case in this process: the fastest of many runs. */
export async function measurePrecompiles(options: {
  readonly msEach: number
}): Promise<readonly PrecompileSpeed[]> {
  const crypto = await loadCrypto()
  const { evm } = await createMachine(createChainCommon(31_338, crypto), crypto)
  const speeds: PrecompileSpeed[] = []
  for (const one of precompileCases()) speeds.push(await measure(evm, one, options.msEach))
  return speeds
}

async function measure(
  evm: EVM,
  { name, address, input }: PrecompileCase,
  msEach: number,
): Promise<PrecompileSpeed> {
  const precompile = evm.precompiles.get(address)
  if (precompile === undefined) throw new Error(`no precompile at ${address}`)
  const { common } = evm
  const options = { data: input, gasLimit, common, _EVM: evm }
  const run = async () => precompile(options)
  const first = await run()
  if (first.exceptionError !== undefined) {
    throw new Error(`${name}: ${first.exceptionError.error}`)
  }
  // So many at a time that the clock's grain does not matter.
  const onceMs = await timeOf(run, 1)
  const repeats = Math.max(1, Math.ceil(2 / Math.max(onceMs, 0.001)))
  let bestMs = Infinity
  const endMs = performance.now() + msEach
  do bestMs = Math.min(bestMs, (await timeOf(run, repeats)) / repeats)
  while (performance.now() < endMs)
  const gas = Number(first.executionGasUsed)
  return { name, gas, microseconds: bestMs * 1000, mgasPerSecond: gas / 1000 / bestMs }
}

async function timeOf(run: () => Promise<unknown>, repeats: number): Promise<number> {
  const startMs = performance.now()
  for (let i = 0; i < repeats; i += 1) await run()
  return performance.now() - startMs
}
