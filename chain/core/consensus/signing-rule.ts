import type { Hex } from '#base/hex.ts'

/** What a validator is about to sign, or has signed. */
export interface Statement {
  readonly kind: 'propose' | 'notarize' | 'nullify' | 'finalize'
  readonly view: number
  /** Root of the consensus block; none in a nullification. */
  readonly block?: Hex
}

/** Why a statement must not be signed beside those signed before. */
export type Conflict =
  | 'BELOW_FLOOR'
  | 'TWO_PROPOSALS'
  | 'TWO_NOTARIZATIONS'
  | 'TWO_FINALIZATIONS'
  | 'FINALIZE_AFTER_NULLIFY'
  | 'NULLIFY_AFTER_FINALIZE'

const seconds = {
  propose: 'TWO_PROPOSALS',
  notarize: 'TWO_NOTARIZATIONS',
  finalize: 'TWO_FINALIZATIONS',
} as const

/**
 * The slashing rules of Simplex. In one view: one proposal, one notarization and one finalization, each of one
 * block, and never finalize and nullify both. Signing the very same statement again is no conflict. `signed` are
 * the statements of that view.
 */
export function conflictOf(next: Statement, signed: readonly Statement[]): Conflict | undefined {
  const { kind, block } = next
  const find = (sought: Statement['kind']) => signed.find((one) => one.kind === sought)
  const same = find(kind)
  if (same !== undefined) {
    return kind === 'nullify' || same.block === block ? undefined : seconds[kind]
  }
  if (kind === 'nullify' && find('finalize') !== undefined) return 'NULLIFY_AFTER_FINALIZE'
  if (kind === 'finalize' && find('nullify') !== undefined) return 'FINALIZE_AFTER_NULLIFY'
  return undefined
}
