/** Windows of a convolution or pooling along height and width, as files tell them. */
export interface Windows {
  readonly kernel: readonly [number, number]
  readonly stride: number
  /** Places before the first row and column. */
  readonly before: readonly [number, number]
  /** Windows down and across. */
  readonly counts: readonly [number, number]
}

/**
 * The one padding of all sides that gives the same windows of an image, undefined where none does: places that no
 * window reaches do not count, and what lies behind the image is the same padding as what lies before.
 */
export function evenPad(
  sides: readonly [number, number],
  { kernel, stride, before, counts }: Windows,
): number | undefined {
  const [pad] = before
  if (before[1] !== pad) return undefined
  const isSame = [0, 1].every((axis) => {
    const [side, window] = [sides[axis] as number, kernel[axis] as number]
    return Math.floor((side + 2 * pad - window) / stride) + 1 === counts[axis]
  })
  return isSame ? pad : undefined
}

/** Of `SAME`: as many windows as strides fit, the padding halved; what is odd of it comes last, or first. */
export function samePad(
  side: number,
  { window, stride, isOddFirst = false }: { window: number; stride: number; isOddFirst?: boolean },
): { before: number; count: number } {
  const count = Math.ceil(side / stride)
  const both = Math.max(0, (count - 1) * stride + window - side)
  return { before: isOddFirst ? Math.ceil(both / 2) : Math.floor(both / 2), count }
}
