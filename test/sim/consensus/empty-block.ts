import type { Hex } from '#base/hex.ts'

export const zeroHash: Hex = `0x${'00'.repeat(32)}`
/** What is the same in every block of the simulation. */
export const emptyBlock = {
  reveal: '0x',
  mode: 'stake',
  modelHash: zeroHash,
  executionHash: zeroHash,
  proposer: `0x${'00'.repeat(20)}`,
} as const
