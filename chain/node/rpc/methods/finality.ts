import { consensusRoot } from '#chain/core/consensus-block.ts'
import { encodeHeader } from '#chain/core/header.ts'
import { type RpcContext, type RpcMethods, needBlock } from '../context.ts'
import { serverError } from '../errors.ts'
import { latest, parse } from '../params.ts'

/** A certificate names a block at most this far above the one it finalises. */
const stepsMax = 1_024

/** What a light client asks: who began the chain, and what a quorum has signed. */
export function finalityMethods(context: RpcContext): RpcMethods {
  const { chain, consensus, founders, chainId } = context

  /** The newest block, from that height downwards, that is named by its own certificate. */
  function finality(height: number) {
    for (let at = height; at > Math.max(0, height - stepsMax); at -= 1) {
      const final = consensus.get(at)
      const payload = chain.byNumber(at)
      if (final === undefined || payload === undefined) continue
      const { block, certificate } = final
      if (certificate.block !== consensusRoot(block)) continue
      return { block, certificate, header: encodeHeader(payload.header) }
    }
    throw serverError('no certificate is kept for that height')
  }

  return {
    quern_genesis: () => ({
      chainId,
      genesisHash: chain.genesisHash,
      genesisRoot: consensus.rootAt(0),
      founders: founders.map(({ seat, address, blsKey, weight }) => ({
        seat,
        address,
        blsKey,
        weight,
      })),
    }),
    quern_finality(params) {
      const { number } = needBlock(chain, parse(params, latest)[0]).header
      return finality(Math.min(number, chain.finalised().header.number))
    },
  }
}
