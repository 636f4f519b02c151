import { encodeDeployData, getContractAddress } from 'viem'
import { beforeAll, describe, expect, test } from 'vitest'
import { blsSecretKey } from '#base/crypto/bls/keygen.ts'
import { createNobleScheme } from '#base/crypto/bls/noble.ts'
import { keccak256 } from '#base/crypto/keys.ts'
import { type Hex, fromHex, toHex } from '#base/hex.ts'
import { type Checkpoint, createLightClient } from '#chain/client/light/client.ts'
import { checkFinality } from '#chain/client/light/finality.ts'
import {
  type ConsensusBlock,
  type Founder,
  consensusRoot,
  genesisRoot,
} from '#chain/core/consensus-block.ts'
import {
  type Certificate,
  type VoteStatement,
  signingBytes,
} from '#chain/core/consensus/messages.ts'
import { bitmapOf, createValidatorSet } from '#chain/core/consensus/validators.ts'
import { encodeHeader } from '#chain/core/header.ts'
import type { Payload } from '#chain/core/payload.ts'
import { proveAccount } from '#chain/exec/embedded/proof.ts'
import { type World, accounts, createWorld, zeroHash } from '#test/unit/chain/exec/world.ts'
import { samples } from '#test/unit/chain/samples.ts'

const chainId = 78787
const scheme = createNobleScheme()
const secrets = [1, 2, 3, 4].map((i) => blsSecretKey(new Uint8Array(32).fill(i)))
const founders: readonly Founder[] = secrets.map((secret, i) => ({
  seat: i,
  address: `0x${`0${i + 1}`.repeat(20)}`,
  blsKey: scheme.publicKey(secret),
  weight: 1,
}))
const trust = { chainId, set: createValidatorSet(0, founders), scheme }

/** What a node answers; tests change parts of it. */
interface Answer {
  block: ConsensusBlock
  certificate: Certificate
  header: Hex
}

function blockOf(payload: Payload): ConsensusBlock {
  return {
    epoch: 0,
    height: payload.header.number,
    view: 5,
    parentRoot: zeroHash,
    beacon: payload.header.prevRandao,
    reveal: scheme.sign(secrets[0]!, Uint8Array.of(1)),
    mode: 'stake',
    modelHash: payload.header.extraData,
    executionHash: payload.blockHash,
    proposer: founders[0]!.address,
  }
}

function certificateOf(statement: VoteStatement, signers: readonly number[]): Certificate {
  const message = signingBytes(chainId, statement)
  const signatures = signers.map((signer) => scheme.sign(secrets[signer]!, message))
  return { ...statement, signers: bitmapOf(signers, 4), signature: scheme.aggregate(signatures) }
}

function answerOf(payload: Payload, signers = [0, 2, 3]): Answer {
  const block = blockOf(payload)
  const statement = { kind: 'finalize', epoch: 0, view: 5, block: consensusRoot(block) } as const
  return {
    block,
    certificate: certificateOf(statement, signers),
    header: encodeHeader(payload.header),
  }
}

describe('a light client', () => {
  let world: World
  let payload: Payload
  let token: Hex
  const held = toHex(
    keccak256(fromHex(`0x${'00'.repeat(12)}${accounts[0]!.address.slice(2)}${'00'.repeat(32)}`)),
  )
  let checkpoint: Checkpoint

  beforeAll(async () => {
    world = await createWorld()
    const { Token } = samples()
    const code = encodeDeployData({ ...Token, args: [1_000n] })
    const fees = { maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 0n, gas: 1_000_000n }
    const raw = await accounts[0]!.signTransaction({
      ...fees,
      data: code,
      nonce: 0,
      chainId,
      type: 'eip1559',
    })
    payload = await world.mine([raw])
    token = getContractAddress({ from: accounts[0]!.address, nonce: 0n }).toLowerCase() as Hex
    checkpoint = { chainId, genesisRoot: genesisRoot(world.engine.chain.genesisHash, founders) }
  })

  /** A node that answers truly, but for what `lies` says instead. */
  function clientOf(lies: Record<string, (params: readonly unknown[]) => unknown> = {}) {
    const { chain } = world.engine
    const answers: Record<string, (params: readonly unknown[]) => unknown> = {
      quern_genesis: () => ({ genesisHash: chain.genesisHash, founders }),
      quern_finality: () => answerOf(payload),
      eth_getProof: ([address, slots]) => prove(address as Hex, slots as Hex[]),
      ...lies,
    }
    return createLightClient(
      { rpc: async (method, params) => answers[method]?.(params), scheme },
      checkpoint,
    )
  }

  function prove(address: Hex, slots: readonly Hex[]) {
    return proveAccount(
      world.engine.chain.stateAfter(payload.blockHash)!,
      { address, slots },
      keccak256,
    )
  }

  test('reads words of the newest final block', async () => {
    const light = clientOf()
    const head = await light.newest()
    expect(head).toMatchObject({ blockHash: payload.blockHash, signerCount: 3, validatorCount: 4 })
    expect(await light.words(head, token, [held, zeroHash])).toEqual([1_000n, 0n])
    expect(await light.words(head, `0x${'99'.repeat(20)}`, [held])).toEqual([0n])
  })

  test('believes no words but those of the state', async () => {
    const head = await clientOf().newest()
    const other = clientOf({
      eth_getProof: () => prove(accounts[0]!.address.toLowerCase() as Hex, [held]),
    })
    await expect(other.words(head, token, [held])).rejects.toMatchObject({ code: 'PROOF_INVALID' })
    const short = clientOf({ eth_getProof: () => prove(token, []) })
    await expect(short.words(head, token, [held])).rejects.toMatchObject({ code: 'ANSWER_INVALID' })
  })

  test('believes no other validators than those of the checkpoint', async () => {
    const own = founders.map((founder) => ({ ...founder, weight: 2 }))
    const { genesisHash } = world.engine.chain
    const light = clientOf({ quern_genesis: () => ({ genesisHash, founders: own }) })
    await expect(light.newest()).rejects.toMatchObject({ code: 'CHECKPOINT_MISMATCH' })
    const silent = clientOf({ quern_genesis: () => null })
    await expect(silent.newest()).rejects.toMatchObject({ code: 'ANSWER_INVALID' })
  })

  const lies: Record<string, (answer: Answer) => unknown> = {
    'half of the weight': () => answerOf(payload, [0, 1]),
    'a signer counted twice': ({ certificate, ...rest }) => ({
      ...rest,
      certificate: { ...certificate, signers: bitmapOf([0, 1, 2, 3], 4) },
    }),
    'a certificate of another kind': ({ block, header }) => {
      const root = consensusRoot(block)
      return {
        block,
        header,
        certificate: certificateOf({ kind: 'notarize', epoch: 0, view: 5, block: root }, [0, 1, 2]),
      }
    },
    'another block': ({ block, ...rest }) => ({
      ...rest,
      block: { ...block, modelHash: `0x${'11'.repeat(32)}` },
    }),
    'another header': (answer) => ({
      ...answer,
      header: encodeHeader({ ...payload.header, stateRoot: `0x${'22'.repeat(32)}` }),
    }),
    'another epoch': ({ block, header }) => {
      const root = consensusRoot(block)
      return {
        block,
        header,
        certificate: certificateOf({ kind: 'finalize', epoch: 1, view: 5, block: root }, [0, 1, 2]),
      }
    },
    'no header': (answer) => ({ ...answer, header: '0xc0' }),
    'a list in a header': (answer) => ({ ...answer, header: '0xc1c0' }),
    nothing: () => undefined,
  }
  test.each(Object.entries(lies))('refuses %s', async (_name, lie) => {
    const light = clientOf({ quern_finality: () => lie(answerOf(payload)) })
    const fault = await light.newest().catch((error: unknown) => error)
    expect(fault).toMatchObject({
      code: expect.stringMatching(/FINALITY_INVALID|HEADER_INVALID/) as string,
    })
  })

  test('binds signatures to the chain', () => {
    const answer = answerOf(payload)
    expect(checkFinality(answer, trust).signerCount).toBe(3)
    expect(() => checkFinality(answer, { ...trust, chainId: 1 })).toThrow('the signature is wrong')
  })
})
