import { type Mapping, type Scope } from '../onnx-mapping.ts'

const cubic = 0.044715
const slope = 1.5957691

export const mul: Mapping = ({ inputs }, scope) => [scope.apply('Mul', inputs.map(scope.nameOf))]

function sigmoid(scope: Scope, name: string): string {
  return scope.once(`sigmoid ${name}`, () => scope.apply('Sigmoid', [name]))
}

/** What gelu's argument x is stretched by, slope (1 + cubic x^2), and the sigmoid of the product. */
function geluParts(scope: Scope, x: string) {
  const { apply, scalar, once } = scope
  const stretch = once(`gelu stretch ${x}`, () => {
    const square = apply('Mul', [x, x])
    return apply('Add', [apply('Mul', [square, scalar(slope * cubic)]), scalar(slope)])
  })
  const inner = once(`gelu inner ${x}`, () => apply('Mul', [x, stretch]))
  return { stretch, scale: sigmoid(scope, inner) }
}

/** x * sigmoid(slope (x + cubic x^3)), whose parts the gradient needs again. */
export const gelu: Mapping = ({ inputs: [x] }, scope) => {
  const name = scope.nameOf(x)
  return [scope.apply('Mul', [name, geluParts(scope, name).scale])]
}

/** dy (s + x s (1 - s) (3 stretch - 2 slope)). */
export const geluGradient: Mapping = ({ inputs: [x, dy] }, scope) => {
  const { apply, scalar } = scope
  const name = scope.nameOf(x)
  const { stretch, scale } = geluParts(scope, name)
  const steep = apply('Sub', [apply('Mul', [stretch, scalar(3)]), scalar(2 * slope)])
  return [apply('Mul', [scope.nameOf(dy), slopeOf(scope, { x: name, scale, steep })])]
}

/** The share of a normal distribution below x: (1 + erf(x / sqrt(2))) / 2. */
function normalShare(scope: Scope, x: string): string {
  const { apply, scalar, once } = scope
  return once(`normal share ${x}`, () => {
    const error = apply('Erf', [apply('Mul', [x, scalar(Math.SQRT1_2)])])
    return apply('Mul', [apply('Add', [error, scalar(1)]), scalar(0.5)])
  })
}

export const geluErf: Mapping = ({ inputs: [x] }, scope) => {
  const name = scope.nameOf(x)
  return [scope.apply('Mul', [name, normalShare(scope, name)])]
}

/** dy (share + x bell), bell = exp(-x^2 / 2) / sqrt(2 pi). */
export const geluErfGradient: Mapping = ({ inputs: [x, dy] }, scope) => {
  const { apply, scalar } = scope
  const name = scope.nameOf(x)
  const half = apply('Mul', [apply('Mul', [name, name]), scalar(-0.5)])
  const bell = apply('Mul', [apply('Exp', [half]), scalar(1 / Math.sqrt(2 * Math.PI))])
  const slope = apply('Add', [normalShare(scope, name), apply('Mul', [name, bell])])
  return [apply('Mul', [scope.nameOf(dy), slope])]
}

export const silu: Mapping = ({ inputs: [x] }, scope) => {
  const name = scope.nameOf(x)
  return [scope.apply('Mul', [name, sigmoid(scope, name)])]
}

/** dy (s + x s (1 - s)). */
export const siluGradient: Mapping = ({ inputs: [x, dy] }, scope) => {
  const name = scope.nameOf(x)
  const bend = slopeOf(scope, { x: name, scale: sigmoid(scope, name) })
  return [scope.apply('Mul', [scope.nameOf(dy), bend])]
}

/** s + x s (1 - s) steep. */
function slopeOf(
  { apply, scalar }: Scope,
  { x, scale, steep }: { x: string; scale: string; steep?: string },
): string {
  const rest = apply('Sub', [scalar(1), scale])
  const bend = apply('Mul', [apply('Mul', [x, scale]), rest])
  return apply('Add', [scale, steep === undefined ? bend : apply('Mul', [bend, steep])])
}
