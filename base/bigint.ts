/** The smaller of two integers. */
export function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b
}

/** The larger of two integers. */
export function most(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}
