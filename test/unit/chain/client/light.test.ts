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
import { validatorSetRoot } from '#chain/core/consensus/handoff.ts'
import { type Header, encodeHeader, headerHash } from '#chain/core/header.ts'
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

describe('a light client over epochs', () => {
  const others = [5, 6, 7, 8].map((i) => blsSecretKey(new Uint8Array(32).fill(i)))
  const members = (secretsOf: readonly Uint8Array[]) =>
    secretsOf.map((secret, i) => ({ ...founders[i]!, blsKey: scheme.publicKey(secret) }))
  /** Epoch 1 belongs to half of the founders and two others, epoch 2 to the others alone. */
  const holders = [secrets, [...secrets.slice(0, 2), ...others.slice(0, 2)], others]
  const sets = holders.map((holding, epoch) => createValidatorSet(epoch, members(holding)))
  const genesisHash = zeroHash
  const root = genesisRoot(genesisHash, founders)
  const header: Header = {
    parentHash: zeroHash,
    feeRecipient: `0x${'00'.repeat(20)}`,
    stateRoot: zeroHash,
    transactionsRoot: zeroHash,
    receiptsRoot: zeroHash,
    logsBloom: toHex(new Uint8Array(256)),
    number: 30,
    gasLimit: 30_000_000n,
    gasUsed: 0n,
    timestamp: 1,
    extraData: zeroHash,
    prevRandao: zeroHash,
    baseFeePerGas: 1n,
    withdrawalsRoot: zeroHash,
    parentBeaconBlockRoot: zeroHash,
    requestsHash: zeroHash,
  }

  function signed(epoch: number, block: ConsensusBlock, signers = [0, 1, 2]): Certificate {
    const statement = { kind: 'finalize', epoch, view: 5, block: consensusRoot(block) } as const
    const message = signingBytes(chainId, statement)
    const signatures = signers.map((i) => scheme.sign(holders[epoch]![i]!, message))
    return { ...statement, signers: bitmapOf(signers, 4), signature: scheme.aggregate(signatures) }
  }

  function blockAt(epoch: number, more: Partial<ConsensusBlock> = {}): ConsensusBlock {
    const base = { height: 10 * epoch + 9, view: 5, parentRoot: zeroHash, beacon: zeroHash }
    const made = { mode: 'stake', modelHash: zeroHash, proposer: founders[0]!.address } as const
    const reveal = scheme.sign(secrets[0]!, Uint8Array.of(1))
    return { epoch, ...base, ...made, reveal, executionHash: headerHash(header), ...more }
  }

  function handoffAt(epoch: number, signers?: number[]) {
    const next = sets[epoch + 1]!
    const block = blockAt(epoch, { nextSetRoot: validatorSetRoot(next) })
    const plain = next.validators.map(({ index: _index, ...member }) => member)
    return { block, certificate: signed(epoch, block, signers), next: plain }
  }

  function clientFrom(checkpoint: Checkpoint, handoffs = [0, 1].map((epoch) => handoffAt(epoch))) {
    const newest = blockAt(2)
    const answer = { block: newest, certificate: signed(2, newest), header: encodeHeader(header) }
    const answers: Record<string, (params: readonly unknown[]) => unknown> = {
      quern_genesis: () => ({ genesisHash, founders }),
      quern_finality: () => answer,
      // One at a time, so that the client has to come back.
      quern_handoffs: ([from]) => handoffs.slice(Number(from), Number(from) + 1),
    }
    const rpc = async (method: string, params: readonly unknown[]) => answers[method]?.(params)
    return createLightClient({ rpc, scheme }, checkpoint)
  }

  const genesis = { chainId, genesisRoot: root }

  test('follows one handoff an epoch, and begins there next time', async () => {
    const light = clientFrom(genesis)
    expect(light.checkpoint()).toBeUndefined()
    expect(await light.newest()).toMatchObject({ signerCount: 3, validatorCount: 4 })
    const checkpoint = { chainId, epoch: 2, setRoot: validatorSetRoot(sets[2]!) }
    expect(light.checkpoint()).toEqual(checkpoint)
    expect((await clientFrom(checkpoint).newest()).header.number).toBe(30)
    const wrong = clientFrom({ ...checkpoint, setRoot: root })
    await expect(wrong.newest()).rejects.toMatchObject({ code: 'CHECKPOINT_MISMATCH' })
  })

  const good = [0, 1].map((epoch) => handoffAt(epoch))
  test.each([
    ['is missing', good.slice(0, 1), 'HANDOFF_MISSING'],
    ['is signed by too few', [good[0]!, handoffAt(1, [0, 1])], 'HANDOFF_INVALID'],
    ['names others than it signed', [{ ...good[0]!, next: good[1]!.next }], 'HANDOFF_INVALID'],
    ['is of another epoch', [good[1]!], 'HANDOFF_INVALID'],
    ['names nobody', [{ ...good[0]!, next: [] }], 'ANSWER_INVALID'],
  ])('goes no further where a handoff %s', async (_title, handoffs, code) => {
    await expect(clientFrom(genesis, handoffs).newest()).rejects.toMatchObject({ code })
  })
})
