import { limits } from '#wire/limits.ts'
import { type Pair, type Windows, attributesOfWindows, countsOf, spanOf } from '../graph/windows.ts'

/** Windows of a convolution or pooling along height and width, as files tell them. */
export interface FileWindows extends Omit<Windows, 'pads'> {
  /** Places before the first row and column. */
  readonly before: Pair
  /** Windows down and across. */
  readonly counts: Pair
}

/**
 * Attributes of the same windows on images of these sides: one padding for all sides where there is one, since places
 * that no window reaches do not count.
 */
export function attributesOfFile(sides: Pair, { before, counts, ...windows }: FileWindows) {
  const { kernel, stride, dilation } = windows
  const [pad] = before
  const even: Windows = { ...windows, pads: [pad, pad, pad, pad] }
  const isEven = before[1] === pad && countsOf(even, sides).every((count, i) => count === counts[i])
  if (isEven) return attributesOfWindows(even)
  const behind = (axis: 0 | 1) => {
    const reached = (counts[axis] - 1) * stride[axis] + spanOf(kernel[axis], dilation[axis])
    return Math.max(0, reached - sides[axis] - before[axis])
  }
  return attributesOfWindows({ ...windows, pads: [...before, behind(0), behind(1)] })
}

/** Why windows are refused whose figures pass what a graph may hold; undefined where none does. */
export function reasonOfSize(figures: Readonly<Record<string, number | readonly number[]>>) {
  for (const [name, figure] of Object.entries(figures)) {
    const most = Math.max(...[figure].flat())
    if (most > limits.windowMax) return `its ${name} of ${most} is larger than ${limits.windowMax}`
  }
  return undefined
}

/** Attributes of a Conv: what is 1 stays away. */
export function convAttributes(
  { pad, stride, dilation }: ReturnType<typeof attributesOfFile>,
  groups: number,
) {
  return {
    pad,
    ...(stride !== 1 && { stride }),
    ...(dilation !== 1 && { dilation }),
    ...(groups !== 1 && { groups }),
  }
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
