import { AppError } from '#base/error.ts'

/** Where in a model file something is wrong. */
export interface ModelPlace {
  readonly file: string
  readonly byte?: number
  /** Keys of a JSON file down to the place, with dots between. */
  readonly path?: string
  /** The name of a node or layer of the file. */
  readonly node?: string
  readonly operator?: string
}

/** An error in a model file: `file: node "n" (Operator): what is wrong`, with the place as fields. */
export function modelError(code: string, place: ModelPlace, text: string): AppError {
  const { file, byte, path, node, operator } = place
  const where = [
    file,
    ...(byte === undefined ? [] : [`byte ${byte}`]),
    ...(path === undefined ? [] : [path]),
    ...(node === undefined ? [] : [`node "${node}"${operator ? ` (${operator})` : ''}`]),
  ]
  return new AppError({ code, ...place, message: `${where.join(': ')}: ${text}` })
}
