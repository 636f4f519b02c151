import { concatBytes, equalBytes } from '#base/bytes.ts'

/**
 * Sums of two points of BLS12-381 as EIP-2537 writes them. Undefined where a point is infinity, the sum may be,
 * or the input is none: the slower way decides these.
 */
export interface PointSums {
  addG1(input: Uint8Array): Uint8Array | undefined
  addG2(input: Uint8Array): Uint8Array | undefined
}

const coordinateBytes = 48
const paddedBytes = 64

/** The native blst library's sums; undefined where there is no add-on for this platform. */
export async function loadPointSums(): Promise<PointSums | undefined> {
  const blst = await import('@chainsafe/blst').catch(() => undefined)
  if (blst === undefined) return undefined
  const { PublicKey, Signature, aggregatePublicKeys, aggregateSignatures } = blst
  const first = [0, 1]
  const second = [1, 0, 3, 2] // the library writes c1 before c0
  return {
    addG1: (input) =>
      sum(input, first, (a, b) =>
        aggregatePublicKeys([PublicKey.fromBytes(a), PublicKey.fromBytes(b)]).toBytes(false),
      ),
    addG2: (input) =>
      sum(input, second, (a, b) =>
        aggregateSignatures([Signature.fromBytes(a), Signature.fromBytes(b)]).toBytes(false),
      ),
  }
}

/** `order` says which padded coordinate stands at each place of the library's form, and back. */
function sum(
  input: Uint8Array,
  order: readonly number[],
  add: (a: Uint8Array, b: Uint8Array) => Uint8Array,
): Uint8Array | undefined {
  const half = order.length * paddedBytes
  const a = coordinatesOf(input.subarray(0, half), order)
  const b = coordinatesOf(input.subarray(half), order)
  const width = (order.length / 2) * coordinateBytes
  if (isFlagged(a) || isFlagged(b) || equalBytes(a.subarray(0, width), b.subarray(0, width))) {
    return undefined
  }
  try {
    return padded(add(a, b), order)
  } catch {
    return undefined
  }
}

function coordinatesOf(point: Uint8Array, order: readonly number[]): Uint8Array {
  return concatBytes(
    ...order.map((at) => point.subarray(at * paddedBytes + 16, (at + 1) * paddedBytes)),
  )
}

/** Whether the library would read flags out of the highest bits, or the point may be infinity. */
function isFlagged(point: Uint8Array): boolean {
  return ((point[0] ?? 0) & 0xe0) !== 0 || point.every((byte) => byte === 0)
}

function padded(point: Uint8Array, order: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(order.length * paddedBytes)
  for (const [place, at] of order.entries()) {
    const coordinate = point.subarray(place * coordinateBytes, (place + 1) * coordinateBytes)
    bytes.set(coordinate, at * paddedBytes + 16)
  }
  return bytes
}
