const f = Math.fround

/** exp of one binary32 value, bit for bit that of the kernels (SPEC.md, functions). */
export function exp(value: number): number {
  const x = Math.min(88, Math.max(-87, value))
  const shifted = f(f(x * f(1.44269504)) + 12_582_912)
  const k = f(shifted - 12_582_912)
  const r = f(f(x - f(k * f(0.693359375))) - f(k * f(-0.00021219444)))
  let p = f(0.00019875691)
  for (const factor of factors) p = f(f(p * r) + factor)
  const sum = f(f(f(p * f(r * r)) + r) + 1)
  return f(sum * 2 ** k)
}

const factors = [0.0013981999, 0.008333452, 0.041665796, 0.16666665, 0.5].map(f)
