import { createRng, type Rng } from '#base/rng.ts'
import { assert } from '#base/assert.ts'
import type { ImageSet, NumberColumn } from './table.ts'

/**
 * Drawn digits: each is a few strokes, bent, turned, stretched, shifted and drawn with a pen of random width on 16x16
 * pixels with noise. Only + - * / and sqrt of numbers and integer chance are used, so the bytes of a seed are the same
 * on every machine.
 */
export type DigitOptions = { readonly seed?: number; readonly rows?: number }

type Point = readonly [x: number, y: number]
type Stroke = readonly Point[]

const side = 16
const rowsDefault = 6000

/** Half an ellipse and more, as a polyline: steps of 1/12 turn from `from`, clockwise on the screen. */
function arc(centre: Point, radii: Point, from: number, steps: number): Stroke {
  return Array.from({ length: Math.abs(steps) + 1 }, (_, i) => {
    const at = (((from + (steps < 0 ? -i : i)) % 12) + 12) % 12
    const [cos, sin] = circle[at] as Point
    return [centre[0] + radii[0] * cos, centre[1] + radii[1] * sin]
  })
}

const half = 0.5
const root = 0.8660254037844386 // sqrt(3) / 2
const circle: readonly Point[] = [
  [1, 0],
  [root, half],
  [half, root],
  [0, 1],
  [-half, root],
  [-root, half],
  [-1, 0],
  [-root, -half],
  [-half, -root],
  [0, -1],
  [half, -root],
  [root, -half],
]

/** Shapes of each digit in a box from -1 to 1, y downwards; some have two ways to be written. */
const shapes: readonly (readonly (readonly Stroke[])[])[] = [
  [[arc([0, 0], [0.62, 1], 9, 12)]],
  [
    [
      [
        [-0.35, -0.6],
        [0.08, -1],
        [0.08, 1],
      ],
    ],
    [
      [
        [0, -1],
        [0, 1],
      ],
    ],
  ],
  [[[...arc([0, -0.5], [0.6, 0.5], 6, 7), [-0.6, 1], [0.65, 1]]]],
  [[arc([-0.05, -0.5], [0.58, 0.5], 7, 8), arc([-0.05, 0.48], [0.65, 0.52], 9, 8)]],
  [
    [
      [
        [0.3, 1],
        [0.3, -1],
        [-0.65, 0.3],
        [0.7, 0.3],
      ],
    ],
    [
      [
        [-0.5, -1],
        [-0.55, 0.1],
        [0.6, 0.1],
      ],
      [
        [0.4, -0.8],
        [0.35, 1],
      ],
    ],
  ],
  [[[[0.55, -1], [-0.5, -1], [-0.55, -0.1], ...arc([-0.05, 0.42], [0.62, 0.58], 8, 8)]]],
  [[[[0.4, -1], [-0.2, -0.55], ...arc([0, 0.42], [0.6, 0.58], 6, -12)]]],
  [
    [
      [
        [-0.6, -1],
        [0.6, -1],
        [-0.1, 1],
      ],
    ],
    [
      [
        [-0.6, -1],
        [0.6, -1],
        [-0.1, 1],
      ],
      [
        [-0.3, 0.05],
        [0.5, 0.05],
      ],
    ],
  ],
  [[arc([0, -0.5], [0.5, 0.5], 3, 12), arc([0, 0.5], [0.6, 0.5], 9, 12)]],
  [[[...arc([0, -0.42], [0.58, 0.58], 0, -12), [0.5, 0.1], [0.3, 1]]]],
]

/** Generates drawn digits; equal options give equal bytes. Classes take turns, then rows are in random order of style. */
export function generateDigits(options: DigitOptions = {}): ImageSet {
  const { seed = 1, rows = rowsDefault } = options
  assert(Number.isSafeInteger(rows) && rows >= 1, 'the number of digits is a positive integer')
  const rng = createRng(seed)
  const pixels = new Uint8Array(rows * side * side)
  const values = new Float64Array(rows)
  for (let row = 0; row < rows; row++) {
    const digit = row % 10
    values[row] = digit
    drawDigit(digit, rng, pixels.subarray(row * side * side, (row + 1) * side * side))
  }
  const labels: NumberColumn = { kind: 'number', name: 'label', values }
  return { rows, shape: [1, side, side], pixels, labels }
}

/** Even between `low` and `high`, from 24 random bits. */
function between(rng: Rng, low: number, high: number): number {
  return low + ((high - low) * (rng.nextU32() >>> 8)) / 16_777_216
}

/** Mean 0, deviation about 1: the sum of four even numbers. */
function bell(rng: Rng): number {
  const sum = between(rng, -1, 1) + between(rng, -1, 1) + between(rng, -1, 1) + between(rng, -1, 1)
  return sum * root
}

function drawDigit(digit: number, rng: Rng, pixels: Uint8Array) {
  const ways = shapes[digit] as (typeof shapes)[number]
  const strokes = ways[rng.below(ways.length)] as readonly Stroke[]
  const bend = bendOf(rng)
  const bent = strokes.map((stroke) => stroke.map(bend))
  const reach = between(rng, 0.55, 1.1)
  const ink = between(rng, 170, 255)
  const noise = between(rng, 4, 26)
  for (let at = 0; at < pixels.length; at++) {
    const point: Point = [(at % side) + 0.5, Math.floor(at / side) + 0.5]
    const distance = Math.sqrt(Math.min(...bent.map((stroke) => squareToStroke(point, stroke))))
    const cover = Math.min(1, Math.max(0, reach + 0.5 - distance))
    const value = Math.floor(cover * ink + noise * bell(rng) + 0.5)
    pixels[at] = Math.min(255, Math.max(0, value))
  }
}

/** A random map from the box of the shapes to pixels: jitter, slant, turn, stretch and shift. */
function bendOf(rng: Rng): (point: Point) => Point {
  const tangent = bell(rng) * 0.075 // of half the angle: about 8.5 degrees of deviation
  const cos = (1 - tangent * tangent) / (1 + tangent * tangent)
  const sin = (2 * tangent) / (1 + tangent * tangent)
  const slant = bell(rng) * 0.15
  const scaleX = between(rng, 3.6, 6)
  const scaleY = between(rng, 4.4, 6.2)
  const shiftX = side / 2 + bell(rng) * 0.8
  const shiftY = side / 2 + bell(rng) * 0.8
  const jitter = 0.07
  return ([x, y]) => {
    const wideX = (x + bell(rng) * jitter - slant * y) * scaleX
    const wideY = (y + bell(rng) * jitter) * scaleY
    return [shiftX + cos * wideX - sin * wideY, shiftY + sin * wideX + cos * wideY]
  }
}

/** The square of the distance from a point to a polyline. */
function squareToStroke([x, y]: Point, stroke: Stroke): number {
  let least = Number.MAX_VALUE
  for (let i = 1; i < stroke.length; i++) {
    const [fromX, fromY] = stroke[i - 1] as Point
    const [toX, toY] = stroke[i] as Point
    const alongX = toX - fromX
    const alongY = toY - fromY
    const length = alongX * alongX + alongY * alongY
    const part = length === 0 ? 0 : ((x - fromX) * alongX + (y - fromY) * alongY) / length
    const nearest = Math.min(1, Math.max(0, part))
    const offX = x - fromX - nearest * alongX
    const offY = y - fromY - nearest * alongY
    least = Math.min(least, offX * offX + offY * offY)
  }
  return least
}
