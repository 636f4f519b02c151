import type { Header } from './header.ts'

/** Base fee of the first block. */
export const initialBaseFeePerGas = 1_000_000_000n
const elasticity = 2n
const changeDenominator = 8n

/** Base fee of the block after this one (EIP-1559). */
export function nextBaseFeePerGas(
  parent: Pick<Header, 'gasLimit' | 'gasUsed' | 'baseFeePerGas'>,
): bigint {
  const target = parent.gasLimit / elasticity
  const base = parent.baseFeePerGas
  if (parent.gasUsed === target) return base
  if (parent.gasUsed > target) {
    const rise = (base * (parent.gasUsed - target)) / target / changeDenominator
    return base + (rise > 1n ? rise : 1n)
  }
  return base - (base * (target - parent.gasUsed)) / target / changeDenominator
}

/** What a transaction pays per gas above the base fee; negative where it cannot pay the base fee. */
export function tipPerGas(
  fee: { readonly maxFeePerGas: bigint; readonly maxPriorityFeePerGas: bigint },
  baseFeePerGas: bigint,
): bigint {
  const room = fee.maxFeePerGas - baseFeePerGas
  return room < fee.maxPriorityFeePerGas ? room : fee.maxPriorityFeePerGas
}
