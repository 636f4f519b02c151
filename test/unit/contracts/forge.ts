import { type StepTensors, tensorsOf } from '#compute/transcript/tensors.ts'

/** The tensors of somebody who lies about one element of one tensor, and keeps all others as they are. */
export function forged(honest: StepTensors, place: number, element: number): StepTensors {
  const bytes = honest.bytesOf(place).slice()
  bytes[4 * element] = (bytes[4 * element] ?? 0) ^ 1
  return tensorsOf(honest.program, (entry) => (entry === place ? bytes : honest.bytesOf(entry)))
}
