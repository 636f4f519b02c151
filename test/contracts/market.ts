import { network } from 'hardhat'
import {
  type Abi,
  type Account,
  createPublicClient,
  createTestClient,
  createWalletClient,
  custom,
  encodeAbiParameters,
  encodeFunctionData,
  getContractAddress,
  keccak256,
  parseEther,
  toHex,
} from 'viem'
import { mnemonicToAccount } from 'viem/accounts'
import { hardhat } from 'viem/chains'
import { keyConsentOf, wordsOfSignature } from '#chain/client/key-consent.ts'
import { type Result, type Terms, jobIdOf, packedArgs, verdictHashOf } from '#chain/client/terms.ts'
import bytecode from '#wire/abi/bytecode.json' with { type: 'json' }
import { beaconAbi } from '#wire/abi/beacon.ts'
import { disputeGameAbi } from '#wire/abi/disputeGame.ts'
import { evaluatorPoolAbi } from '#wire/abi/evaluatorPool.ts'
import { governanceAbi } from '#wire/abi/governance.ts'
import { jobCourtAbi } from '#wire/abi/jobCourt.ts'
import { jobManagerAbi } from '#wire/abi/jobManager.ts'
import { opVerifierAbi } from '#wire/abi/opVerifier.ts'
import { stakingAbi } from '#wire/abi/staking.ts'
import { timelockAbi } from '#wire/abi/timelock.ts'
import { trainTokenAbi } from '#wire/abi/trainToken.ts'
import { validatorSetAbi } from '#wire/abi/validatorSet.ts'
import { workLedgerAbi } from '#wire/abi/workLedger.ts'
import { workerRegistryAbi } from '#wire/abi/workerRegistry.ts'
import { type ContractAddresses, type ContractName, deploymentOf } from '#wire/deployment.ts'
import type { Hex } from '#wire/primitives.ts'

const depositCall = encodeFunctionData({ abi: trainTokenAbi, functionName: 'deposit' })
const mnemonic = 'test test test test test test test test test test test junk'
const abis = {
  TrainToken: trainTokenAbi,
  WorkerRegistry: workerRegistryAbi,
  Staking: stakingAbi,
  EvaluatorPool: evaluatorPoolAbi,
  JobManager: jobManagerAbi,
  JobCourt: jobCourtAbi,
  Timelock: timelockAbi,
  Governance: governanceAbi,
  Beacon: beaconAbi,
  ValidatorSet: validatorSetAbi,
  WorkLedger: workLedgerAbi,
  OpVerifier: opVerifierAbi,
  DisputeGame: disputeGameAbi,
} as const
const engineId = keccak256('0x02')
const systemAddress: Hex = '0xfffffffffffffffffffffffffffffffffffffffe'

export type Verdict = {
  modelHash: Hex
  modelCidDigest: Hex
  metricMicros: bigint
  segments: bigint
  guiltyMask: number
  withheldMask: number
  lazyMask: number
  evidenceDigest: Hex
}
type Sender = ReturnType<typeof mnemonicToAccount>
export interface Actor {
  readonly owner: Sender
  readonly operator: Sender
}

/** A market on a simulated chain: contracts, actors, and every call with its gas. */
export type Market = Awaited<ReturnType<typeof createMarket>>

/** Deploys the contracts by `wire/deployment.ts`, with registered workers and evaluators. */
export async function createMarket(options: { workers: number; evaluators: number }) {
  const { provider } = await network.create()
  const transport = custom(provider)
  const chain = { ...hardhat, id: 31_337 }
  const reader = createPublicClient({ chain, transport, pollingInterval: 1, cacheTime: 0 })
  const machine = createTestClient({ chain, transport, mode: 'hardhat' })
  const account = (index: number) => mnemonicToAccount(mnemonic, { addressIndex: index })
  const deployer = account(0)
  const client = account(1)
  const addresses = await deploy()

  async function raw(from: Account, request: { to?: Hex; data: Hex; value?: bigint }) {
    const wallet = createWalletClient({ account: from, chain, transport })
    const gas = 16_000_000n
    const hash = await wallet.sendTransaction({ ...request, gas, gasPrice: 10_000_000_000n })
    const receipt = await reader.waitForTransactionReceipt({ hash })
    if (receipt.status !== 'success') throw new Error(`reverted: ${hash}`)
    return receipt
  }

  async function deploy(): Promise<ContractAddresses> {
    const names = deploymentOf({} as ContractAddresses).contracts.map(({ name }) => name)
    const placeOf = (name: ContractName) =>
      getContractAddress({ from: deployer.address, nonce: BigInt(names.indexOf(name)) })
    const places = Object.fromEntries(
      names.map((name) => [name, placeOf(name)]),
    ) as unknown as ContractAddresses
    for (const { name, args } of deploymentOf(places, { engineId }).contracts) {
      const inputs = (abis[name] as Abi).find((entry) => entry.type === 'constructor')?.inputs ?? []
      const encoded = encodeAbiParameters(inputs, args as never).slice(2)
      await raw(deployer, { data: `${bytecode[name] as Hex}${encoded}` })
    }
    return places
  }

  function requestOf(name: ContractName, functionName: string, args: readonly unknown[]) {
    const packed = name === 'JobManager' || name === 'WorkLedger' ? packedArgs(args) : args
    return { address: addresses[name], abi: abis[name] as Abi, functionName, args: packed }
  }

  /** Sends a call and answers the gas its receipt shows; reverts with the contract's own error. */
  function call(
    from: Account,
    name: ContractName,
    functionName: string,
    args: readonly unknown[],
  ): Promise<bigint> {
    return send(from, requestOf(name, functionName, args))
  }

  /** The same with native coin. */
  async function send(
    from: Account,
    request: ReturnType<typeof requestOf> & { value?: bigint },
  ): Promise<bigint> {
    const wallet = createWalletClient({ account: from, chain, transport })
    await reader.simulateContract({ ...request, account: from })
    const gas = await reader.estimateContractGas({ ...request, account: from })
    const hash = await wallet.writeContract({
      ...request,
      gas: gas * 2n,
      gasPrice: 10_000_000_000n,
    })
    const receipt = await reader.waitForTransactionReceipt({ hash })
    if (receipt.status !== 'success') throw new Error(`${request.functionName} reverted`)
    return receipt.gasUsed
  }

  function read<T>(name: ContractName, functionName: string, args: readonly unknown[] = []) {
    const request = requestOf(name, functionName, args)
    return reader.readContract(request) as Promise<T>
  }

  /** Time and blocks pass; the chain keeps its randomness at each height, as the own chain does. */
  async function pass(blocks: number): Promise<void> {
    for (let i = 0; i < blocks; i += 1) {
      await machine.increaseTime({ seconds: 1 })
      await call(systemAccount(), 'Beacon', 'record', []).catch(() => undefined)
    }
  }

  function systemAccount(): Account {
    return { address: systemAddress, type: 'json-rpc' }
  }

  await machine.impersonateAccount({ address: systemAddress })
  await machine.setBalance({ address: systemAddress, value: parseEther('1000') })

  /** Signs EIP-712 data in the domain of the registry or of the job manager. */
  function typed(
    signer: Sender,
    primaryType: string,
    types: object,
    message: object,
  ): Promise<Hex> {
    const verifyingContract =
      primaryType === 'OperatorBinding' ? addresses.WorkerRegistry : addresses.JobManager
    const domain = { name: 'Quern', version: '1', chainId: chain.id, verifyingContract }
    const definition = { domain, types, primaryType, message }
    return signer.signTypedData(definition as Parameters<Sender['signTypedData']>[0])
  }

  async function addActor(index: number, roles: number): Promise<Actor> {
    const actor = { owner: account(index), operator: account(100 + index) }
    await machine.setBalance({ address: actor.operator.address, value: parseEther('1000') })
    await fund(actor.owner, parseEther('2000'))
    await call(actor.owner, 'Staking', 'stake', [parseEther('1000')])
    const binding = { owner: actor.owner.address, operator: actor.operator.address, nonce: 0n }
    const signature = await typed(actor.operator, 'OperatorBinding', bindingTypes, binding)
    const entry = {
      operator: actor.operator.address,
      roles,
      x25519Key: keccak256(actor.owner.address),
      capabilitiesDigest: keccak256('0x01'),
      peerId: toHex('peer'),
      consent: {
        kinds: 1,
        hours24: 0xffffff,
        segmentsMax: 0xffffffff,
        megaflopsMax: 2n ** 64n - 1n,
        rewardMinGwei: 0n,
      },
    }
    await call(actor.owner, 'WorkerRegistry', 'register', [entry, signature])
    return actor
  }

  async function fund(owner: Account, amountWei: bigint): Promise<void> {
    await raw(owner, { to: addresses.TrainToken, data: depositCall, value: amountWei })
    await call(owner, 'TrainToken', 'approve', [addresses.Staking, 2n ** 256n - 1n])
  }

  await fund(client, parseEther('5000'))
  await call(client, 'Staking', 'depositCredit', [client.address, parseEther('4000')])
  const workers: Actor[] = []
  const evaluators: Actor[] = []
  for (let i = 0; i < options.workers; i += 1) workers.push(await addActor(2 + i, 1))
  for (let i = 0; i < options.evaluators; i += 1) {
    evaluators.push(await addActor(2 + options.workers + i, 2))
  }
  let nonce = 0n

  /** Terms of a usual job: 3 workers, 2 evaluators, 1,000 TRAIN. */
  async function newTerms(matchMode: number): Promise<Terms> {
    return {
      client: client.address,
      nonce: nonce++,
      rewardWei: parseEther('1000'),
      auditDepositWei: parseEther('100'),
      workerStakeWei: parseEther('100'),
      evaluatorStakeWei: parseEther('50'),
      flops: 123_456_789_000n,
      engineId,
      specDigest: keccak256('0x03'),
      slateVersion: await read<bigint>('EvaluatorPool', 'slateVersion'),
      workerCount: 3,
      workerCountMin: 2,
      evaluatorCount: 2,
      matchMode,
      mode: 0,
      kind: 0,
      workerBps: 9000,
      evaluatorBps: 500,
      reporterBps: 3000,
      clientBps: 2000,
      timeoutBps: 1000,
      volunteerSeconds: 30,
      runSeconds: 3600,
      drawSeconds: 600,
      commitSeconds: 600,
      revealSeconds: 600,
      roundSeconds: 60,
      segmentCount: 16,
    }
  }

  const idOf = (terms: Terms) =>
    jobIdOf(terms, { chainId: chain.id, jobManager: addresses.JobManager })

  async function consentOf(terms: Terms, actor: Actor) {
    const validUntil = (await reader.getBlock()).timestamp + 1000n
    const message = { jobId: idOf(terms), worker: actor.owner.address, validUntil }
    const type = terms.matchMode === 1 ? 'Offer' : 'Acceptance'
    const signature = await typed(actor.operator, type, { [type]: consentType }, message)
    const { address: operator } = actor.operator
    return keyConsentOf({ operator, validUntil: Number(validUntil), signature })
  }

  function resultOf(actor: Actor): Result {
    return {
      modelHash: keccak256('0x04'),
      modelCidDigest: keccak256('0x05'),
      segmentsRoot: keccak256(actor.owner.address),
      transcriptCidDigest: keccak256(actor.operator.address),
    }
  }

  async function signedResultOf(terms: Terms, actor: Actor) {
    const result = resultOf(actor)
    const message = { jobId: idOf(terms), attempt: 0, ...result }
    const signature = await typed(actor.operator, 'Result', { Result: resultType }, message)
    const { segmentsRoot, transcriptCidDigest } = result
    return { segmentsRoot, transcriptCidDigest, ...wordsOfSignature(signature) }
  }

  async function openingOf(terms: Terms, actor: Actor, verdict: Verdict) {
    const message = { jobId: idOf(terms), attempt: 0, ...verdict }
    const signature = await typed(actor.operator, 'Verdict', { Verdict: verdictType }, message)
    return wordsOfSignature(signature)
  }

  function commitmentOf(terms: Terms, actor: Actor, verdict: Verdict, attempt = 0): Hex {
    const types = ['bytes32', 'uint32', 'address', 'bytes32', 'bytes32'].map((type) => ({ type }))
    const salt = keccak256(actor.owner.address)
    const values = [idOf(terms), attempt, actor.owner.address, verdictHashOf(verdict), salt]
    return keccak256(encodeAbiParameters(types, values))
  }

  async function roundUpdateOf(terms: Terms, actor: Actor, round: number) {
    const update = { updateRoot: keccak256(actor.owner.address), cidDigest: keccak256('0x06') }
    const message = { jobId: idOf(terms), attempt: 0, round, ...update }
    const signature = await typed(
      actor.operator,
      'RoundUpdate',
      { RoundUpdate: updateType },
      message,
    )
    return { operator: actor.operator.address, ...update, signature }
  }

  /** The actors behind owner addresses, in their order. */
  function actorsOf(owners: readonly string[]): readonly Actor[] {
    return owners.map((owner) => {
      const found = [...workers, ...evaluators].find((actor) => actor.owner.address === owner)
      if (found === undefined) throw new Error(`nobody is ${owner}`)
      return found
    })
  }

  return {
    addresses,
    chain,
    reader,
    machine,
    account,
    client,
    workers,
    evaluators,
    call,
    send,
    requestOf,
    read,
    pass,
    newTerms,
    idOf,
    consentOf,
    resultOf,
    signedResultOf,
    openingOf,
    commitmentOf,
    roundUpdateOf,
    actorsOf,
    blockNumber: () => reader.getBlockNumber({ cacheTime: 0 }),
    saltOf: (actor: Actor) => keccak256(actor.owner.address),
    cleanVerdict,
  }
}

/** A verdict that credits 16, 15 and 14 segments. */
export function cleanVerdict(): Verdict {
  return {
    modelHash: keccak256('0x04'),
    modelCidDigest: keccak256('0x05'),
    metricMicros: 973_214n,
    segments: 16n | (15n << 16n) | (14n << 32n),
    guiltyMask: 0,
    withheldMask: 0,
    lazyMask: 0,
    evidenceDigest: keccak256('0x07'),
  }
}

const fields = (text: string) =>
  text.split(',').map((field) => {
    const [type, name] = field.split(' ')
    return { type, name }
  })
const bindingTypes = { OperatorBinding: fields('address owner,address operator,uint256 nonce') }
const consentType = fields('bytes32 jobId,address worker,uint64 validUntil')
const resultType = fields(
  'bytes32 jobId,uint32 attempt,bytes32 modelHash,bytes32 modelCidDigest,bytes32 segmentsRoot,bytes32 transcriptCidDigest',
)
const verdictType = fields(
  'bytes32 jobId,uint32 attempt,bytes32 modelHash,bytes32 modelCidDigest,int64 metricMicros,uint128 segments,uint8 guiltyMask,uint8 withheldMask,uint16 lazyMask,bytes32 evidenceDigest',
)
const updateType = fields(
  'bytes32 jobId,uint32 attempt,uint32 round,bytes32 updateRoot,bytes32 cidDigest',
)
