import { z } from 'zod'
import type { Scheme } from '#base/crypto/bls/scheme.ts'
import { AppError } from '#base/error.ts'
import { type Hex, fromHex } from '#base/hex.ts'
import { genesisRoot } from '#chain/core/consensus-block.ts'
import type { Electorate } from '#chain/core/consensus/quorum.ts'
import { createValidatorSet } from '#chain/core/consensus/validators.ts'
import { provenAccount, provenWord } from '#chain/core/proof.ts'
import { address, blsKey, count, hash32 } from '#wire/primitives.ts'
import { type ProvenHead, checkFinality } from './finality.ts'

/** Asks a node that nobody trusts. */
export type Rpc = (method: string, params: readonly unknown[]) => Promise<unknown>

/** What a light client begins from: it ties the chain to its genesis and to its first validators. */
export interface Checkpoint {
  readonly chainId: number
  readonly genesisRoot: Hex
}

/** Reads the chain through a node that it need not trust: in Node and in browsers. */
export interface LightClient {
  /** The newest block that a certificate names. Throws FINALITY_INVALID, CHECKPOINT_MISMATCH. */
  newest(): Promise<ProvenHead>
  /** Storage words of an account in the state after a proven block. Throws PROOF_INVALID. */
  words(head: ProvenHead, account: Hex, slots: readonly Hex[]): Promise<readonly bigint[]>
}

const genesisSchema = z.object({
  genesisHash: hash32,
  founders: z
    .array(z.object({ seat: count, address, blsKey, weight: count }))
    .min(1)
    .max(4096),
})
const nodes = z.array(z.string().regex(/^0x([0-9a-f]{2})*$/)).max(65)
const proofSchema = z.object({
  accountProof: nodes,
  storageProof: z.array(z.object({ proof: nodes })).max(64),
})

/** Creates the client. It asks the node who the first validators are, and believes what fits the checkpoint. */
export function createLightClient(
  deps: { readonly rpc: Rpc; readonly scheme: Pick<Scheme, 'verifyAggregate'> },
  checkpoint: Checkpoint,
): LightClient {
  const { rpc, scheme } = deps
  let trust: Electorate | undefined

  async function establish(): Promise<Electorate> {
    const answer = genesisSchema.safeParse(await rpc('quern_genesis', []))
    if (!answer.success) throw new AppError({ code: 'ANSWER_INVALID', method: 'quern_genesis' })
    const { genesisHash, founders } = answer.data
    const root = genesisRoot(genesisHash, founders)
    if (root !== checkpoint.genesisRoot) {
      throw new AppError({ code: 'CHECKPOINT_MISMATCH', expected: checkpoint.genesisRoot, root })
    }
    return { chainId: checkpoint.chainId, set: createValidatorSet(0, founders), scheme }
  }

  return {
    async newest() {
      trust ??= await establish()
      return checkFinality(await rpc('quern_finality', ['latest']), trust)
    },
    async words({ header, blockHash }, account, slots) {
      const answer = await rpc('eth_getProof', [account, slots, { blockHash }])
      const parsed = proofSchema.safeParse(answer)
      if (!parsed.success || parsed.data.storageProof.length !== slots.length) {
        throw new AppError({ code: 'ANSWER_INVALID', method: 'eth_getProof' })
      }
      const { accountProof, storageProof } = parsed.data
      const found = provenAccount(header.stateRoot, account, accountProof.map(fromHex))
      if (found === undefined) return slots.map(() => 0n)
      return slots.map((slot, i) =>
        provenWord(found.storageRoot, slot, (storageProof[i]?.proof ?? []).map(fromHex)),
      )
    },
  }
}
