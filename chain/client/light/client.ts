import { z } from 'zod'
import type { Scheme } from '#base/crypto/bls/scheme.ts'
import { AppError } from '#base/error.ts'
import { type Hex, fromHex } from '#base/hex.ts'
import { genesisRoot } from '#chain/core/consensus-block.ts'
import { membersSchema } from '#chain/core/consensus/codec.ts'
import { validatorSetRoot } from '#chain/core/consensus/handoff.ts'
import type { Electorate } from '#chain/core/consensus/quorum.ts'
import { type ValidatorSet, createValidatorSet } from '#chain/core/consensus/validators.ts'
import { provenAccount, provenWord } from '#chain/core/proof.ts'
import { hash32 } from '#wire/primitives.ts'
import { type ProvenHead, checkFinality, epochOf } from './finality.ts'
import { askHandoffs, followHandoffs } from './handoffs.ts'

/** Asks a node that nobody trusts. */
export type Rpc = (method: string, params: readonly unknown[]) => Promise<unknown>

/**
 * What a light client begins from: the root of the genesis, which ties the chain to its first validators, or that
 * of a later epoch's set (`validatorSetRoot`).
 */
export type Checkpoint = { readonly chainId: number } & (
  { readonly genesisRoot: Hex } | { readonly epoch: number; readonly setRoot: Hex }
)

/** Reads the chain through a node that it need not trust: in Node and in browsers. */
export interface LightClient {
  /**
   * The newest block that a certificate names, found over one handoff an epoch. Throws FINALITY_INVALID,
   * CHECKPOINT_MISMATCH, HANDOFF_INVALID, HANDOFF_MISSING.
   */
  newest(): Promise<ProvenHead>
  /** What to begin from next time, so that no handoff is followed twice; undefined before `newest`. */
  checkpoint(): Checkpoint | undefined
  /** Storage words of an account in the state after a proven block. Throws PROOF_INVALID. */
  words(head: ProvenHead, account: Hex, slots: readonly Hex[]): Promise<readonly bigint[]>
}

const genesisSchema = z.object({
  genesisHash: hash32,
  founders: membersSchema,
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
  const { chainId } = checkpoint
  let trust: Electorate | undefined

  return {
    async newest() {
      trust ??= { chainId, scheme, set: await establish(rpc, checkpoint) }
      const answer = await rpc('quern_finality', ['latest'])
      trust = await followHandoffs(rpc, trust, epochOf(answer))
      return checkFinality(answer, trust)
    },
    checkpoint() {
      const set = trust?.set
      return set && { chainId, epoch: set.epoch, setRoot: validatorSetRoot(set) }
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

/** The set that the checkpoint is the root of, as the node says it. */
async function establish(rpc: Rpc, checkpoint: Checkpoint): Promise<ValidatorSet> {
  if ('epoch' in checkpoint) {
    const set = await setOf(rpc, checkpoint.epoch)
    expectRoot(checkpoint.setRoot, validatorSetRoot(set))
    return set
  }
  const { genesisHash, founders } = await askGenesis(rpc)
  expectRoot(checkpoint.genesisRoot, genesisRoot(genesisHash, founders))
  return createValidatorSet(0, founders)
}

async function setOf(rpc: Rpc, epoch: number): Promise<ValidatorSet> {
  if (epoch === 0) return createValidatorSet(0, (await askGenesis(rpc)).founders)
  const [handoff] = await askHandoffs(rpc, epoch - 1, 1)
  if (handoff === undefined) throw new AppError({ code: 'HANDOFF_MISSING', epoch: epoch - 1 })
  return createValidatorSet(epoch, handoff.next)
}

async function askGenesis(rpc: Rpc) {
  const answer = genesisSchema.safeParse(await rpc('quern_genesis', []))
  if (!answer.success) throw new AppError({ code: 'ANSWER_INVALID', method: 'quern_genesis' })
  return answer.data
}

function expectRoot(expected: Hex, root: Hex): void {
  if (root === expected) return
  const message = `the node's chain has ${root} where ${expected} is trusted: it is another chain, or the node lies`
  throw new AppError({ code: 'CHECKPOINT_MISMATCH', expected, root, message })
}
