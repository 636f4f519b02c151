const sines = [17, 15, 13, 11, 9, 7, 5, 3] as const
const cosines = [16, 14, 12, 10, 8, 6, 4, 2] as const
const roundMagic = 6_755_399_441_055_744 // 1.5 * 2^52
const baseLog = 9.210340371976184 // log(10000)

/**
 * The table of RotaryTable in SPEC.md, [context, 2, size]: the engine's bits from binary64 `+ - * /` alone, so that
 * files that hold it are the same everywhere.
 */
export function rotaryTableOf(context: number, size: number): Float32Array<ArrayBuffer> {
  const table = new Float32Array(context * 2 * size)
  for (let t = 0; t < context; t += 1) {
    for (let pair = 0; 2 * pair < size; pair += 1) {
      const [cosine, sine] = turnOf(t, pair, size)
      const at = 2 * t * size + 2 * pair
      table.set([cosine, cosine], at)
      table.set([-sine, sine], at + size)
    }
  }
  return table
}

/** Cosine and sine of t * 10000^(-2i / size). */
function turnOf(t: number, i: number, size: number): readonly [cosine: number, sine: number] {
  const angle = t * exponentialOf((-(2 * i) / size) * baseLog)
  const k = rounded(angle * 0.6366197723675814)
  const r = angle - k * 1.5707963267341256 - k * 6.077100506506192e-11
  const square = r * r
  const sine = r * seriesOf(sines, square)
  const cosine = seriesOf(cosines, square)
  const quarter = ((k % 4) + 4) % 4
  if (quarter === 0) return [cosine, sine]
  if (quarter === 1) return [-sine, cosine]
  return quarter === 2 ? [-cosine, -sine] : [sine, -cosine]
}

function seriesOf(steps: readonly number[], square: number): number {
  let s = 1
  for (const n of steps) s = 1 - (s * square) / (n * (n - 1))
  return s
}

function exponentialOf(x: number): number {
  const k = rounded(x * 1.4426950408889634)
  const r = x - k * 0.6931471803691238 - k * 1.9082149292705877e-10
  let s = 1
  for (let n = 13; n >= 1; n -= 1) s = (s * r) / n + 1
  let power = 1
  for (let i = 0; i < Math.abs(k); i += 1) power *= k < 0 ? 0.5 : 2
  return s * power
}

/** To the nearest integer, ties to even. */
function rounded(x: number): number {
  return x + roundMagic - roundMagic
}
