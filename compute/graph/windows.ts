import type { Attributes } from './graph.ts'

/** A figure of height and one of width. */
export type Pair = readonly [number, number]

/** Windows on images. */
export interface Windows {
  readonly kernel: Pair
  readonly stride: Pair
  /** Distance of a window's places. */
  readonly dilation: Pair
  /** Places around the image: above, left, below, right. */
  readonly pads: readonly [number, number, number, number]
}

/** Windows of a kernel as attributes tell: `stride`, `dilation` and `pad` are one number, or one for each side. */
export function windowsOf(attributes: Attributes, kernel: Pair): Windows {
  const pad = attributes['pad'] ?? 0
  return {
    kernel,
    stride: pairOf(attributes['stride']),
    dilation: pairOf(attributes['dilation']),
    pads: typeof pad === 'number' ? [pad, pad, pad, pad] : (pad as Windows['pads']),
  }
}

function pairOf(value: Attributes[string] = 1): Pair {
  return typeof value === 'number' ? [value, value] : (value as Pair)
}

/** `stride`, `pad` and `dilation` as one number where it is the same on all sides. */
export function attributesOfWindows({ stride, dilation, pads }: Windows) {
  return { stride: short(stride), pad: short(pads), dilation: short(dilation) }
}

function short<Sides extends readonly number[]>(values: Sides): number | Sides {
  const [first] = values
  return first !== undefined && values.every((value) => value === first) ? first : values
}

/** How many windows fit down and across; less than 1 where none does. */
export function countsOf({ kernel, stride, dilation, pads }: Windows, [h, w]: Pair): Pair {
  const count = (side: number, axis: 0 | 1) => {
    const length = side + pads[axis] + pads[(axis + 2) as 2 | 3]
    return Math.floor((length - spanOf(kernel[axis], dilation[axis])) / stride[axis]) + 1
  }
  return [count(h, 0), count(w, 1)]
}

/** From the first place of a window to the last, both counted. */
export function spanOf(window: number, dilation: number): number {
  return dilation * (window - 1) + 1
}

/** Whether all figures are integers in their ranges. */
export function areSound({ kernel, stride, dilation, pads }: Windows): boolean {
  const isCount = (value: number | undefined) =>
    Number.isSafeInteger(value) && (value as number) > 0
  const counts = [0, 1].flatMap((axis) => [kernel[axis], stride[axis], dilation[axis]])
  return counts.every(isCount) && [0, 1, 2, 3].every((i) => isCount((pads[i] ?? -1) + 1))
}

/** The padding of all sides, where it is one. */
export function evenPadOf({ pads }: Windows): number | undefined {
  const [pad] = pads
  return pads.every((one) => one === pad) ? pad : undefined
}
