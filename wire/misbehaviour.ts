import { AppError } from '#base/error.ts'
import { devChainId } from './addresses.ts'

/** The kind behind a flag's text. Throws USAGE, and MISBEHAVE_REFUSED on chains that are not for development. */
export function misbehaviourIn<Kind extends string>(
  kinds: readonly Kind[],
  text: string,
  chainId: number,
): Kind {
  const kind = kinds.find((known) => known === text)
  if (kind === undefined)
    throw new AppError({ code: 'USAGE', message: `no such misbehaviour: ${text}` })
  if (chainId !== devChainId) {
    const message = 'nobody misbehaves but on development chains'
    throw new AppError({ code: 'MISBEHAVE_REFUSED', chainId, message })
  }
  return kind
}
