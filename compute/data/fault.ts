import { AppError } from '#base/error.ts'

/** Where in the user's input something is wrong. Lines and columns count from 1. */
export type Place = {
  readonly file: string
  readonly line?: number
  readonly column?: number | string
  readonly byte?: number
}

/** An error in the user's input: `file:line:column: what is wrong`, with the place as fields. */
export function inputError(
  code: string,
  place: Place & Readonly<Record<string, unknown>>,
  text: string,
): AppError {
  const { file, line, column, byte } = place
  const at = byte === undefined ? [line, column] : [`byte ${byte}`]
  const where = [file, ...at.filter((part) => part !== undefined)].join(':')
  return new AppError({ code, ...place, message: `${where}: ${text}` })
}
