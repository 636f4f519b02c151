import { loadScheme } from '#base/crypto/bls/load.ts'
import { toHex } from '#base/hex.ts'
import type { Logger } from '#base/log.ts'
import { type Convicting, createConvicting } from '#chain/client/conviction.ts'
import { createTransactor } from '#chain/client/transactor.ts'
import type { Conviction } from '#chain/core/consensus/conviction.ts'
import { systemAddresses } from '#wire/addresses.ts'
import type { Context } from './context.ts'

export interface Reporter {
  readonly context: Context
  readonly log: Logger
  readonly genesis: { readonly chainId: number }
  readonly validatorKey: Uint8Array | undefined
}

/**
 * What a node does with evidence: its validator's account convicts who signed two faces, through the node's own
 * RPC. Without a key it leaves that to others.
 */
export function convictingOf(
  { context, log, genesis, validatorKey }: Reporter,
  port: () => number,
) {
  if (validatorKey === undefined) return undefined
  const { clock, stopping: signal } = context
  let convicting: Promise<Convicting> | undefined

  async function create(key: Uint8Array): Promise<Convicting> {
    const { privateKeyToAccount } = await import('viem/accounts')
    const { chainId } = genesis
    const access = { chainId, rpcUrl: `http://127.0.0.1:${port()}`, contracts: systemAddresses }
    const transactor = createTransactor(access, privateKeyToAccount(toHex(key)))
    return createConvicting({ transactor, scheme: await loadScheme(), clock, log, signal })
  }

  return async (conviction: Conviction, rank: number): Promise<boolean> => {
    try {
      convicting ??= create(validatorKey)
      return await (await convicting).report(conviction, rank)
    } catch (error) {
      if (!signal.aborted) log.error({ error: String(error) }, 'evidence was not reported')
      return false
    }
  }
}
