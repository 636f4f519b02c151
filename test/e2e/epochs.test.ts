import { mnemonicToAccount } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createNobleScheme } from '#base/crypto/bls/noble.ts'
import { noopLogger } from '#base/log.ts'
import { createLightClient } from '#chain/client/light/client.ts'
import { createHttpRpc } from '#chain/client/light/http.ts'
import { plainOf } from '#chain/core/consensus/codec.ts'
import { signingBytes } from '#chain/core/consensus/messages.ts'
import { indicesOf } from '#chain/core/consensus/validators.ts'
import { validatorKeyOf } from '#chain/node/consensus/founders.ts'
import { devRoles } from '#cli/dev-roles.ts'
import { developmentGenesisOf } from '#cli/local-validators.ts'
import { devAccount } from '#cli/mnemonic.ts'
import { realRng } from '#cli/real-chance.ts'
import { realClock } from '#cli/real-clock.ts'
import { createNetwork } from '#p2p/node.ts'
import { devChainId } from '#wire/addresses.ts'
import { canonicalBytes } from '#wire/canonical.ts'
import { topicOf } from '#wire/topic.ts'
import { call, scratchDir } from './chain-process.ts'
import { quern } from './local-world.ts'
import {
  type ValidatorProcesses,
  createValidatorProcesses,
  hashAt,
  heightOf,
  until,
} from './validators.ts'

const epochBlocks = 12
/** The accounts that become the fifth validator, and that send. */
const fifthAccount = 10
const senderAccount = 11
const fifth = `dev:${fifthAccount}`
const leaver = 2
const liar = 3
const scheme = createNobleScheme()
const keyOf = (account: number) => validatorKeyOf(devAccount(account, devChainId).privateKey)
const addressOf = (account: number) => keyOf(account).address

interface Validators {
  readonly epoch: number
  readonly members: readonly { readonly seat: number; readonly address: string; weight: number }[]
  readonly seats: readonly {
    readonly seat: number
    readonly owner: string
    readonly isConvicted: boolean
    stakeGwei: string
  }[]
}

let scratch: Awaited<ReturnType<typeof scratchDir>>
let network: ValidatorProcesses
let url = ''
let endLoad: () => Promise<void>

async function ask<T>(method: string, params: readonly unknown[] = [], of = url): Promise<T> {
  return (await call(of, method, params)).result as T
}
const validators = (of = url) => ask<Validators>('quern_validators', [], of)
const votersOf = ({ members }: Validators) =>
  members.flatMap(({ address, weight }) => (weight > 0 ? address : []))
const membersNow = async () => votersOf(await validators())
const reach = (epoch: number) =>
  until(
    `epoch ${epoch}`,
    async () => (await validators()).epoch,
    (now) => now >= epoch,
  )

/** Runs a command of `quern validator` as a user would. */
async function run(index: number, args: readonly string[]) {
  const { exitCode, lines, err } = await quern(['validator', ...args], {
    dataDir: network.dataDirOf(index),
  })
  return { exitCode, err, last: lines.at(-1) as Record<string, unknown> }
}

/** Transfers that keep the chain at a block a second. */
function startTransfers(): () => Promise<void> {
  const account = mnemonicToAccount('test test test test test test test test test test test junk', {
    addressIndex: senderAccount,
  })
  let isOver = false
  const loop = async () => {
    for (let nonce = 0; !isOver;) {
      const fees = { gas: 21_000n, maxFeePerGas: 10n ** 11n, maxPriorityFeePerGas: 1n }
      const to = account.address
      const raw = await account.signTransaction({
        chainId: devChainId,
        type: 'eip1559',
        nonce,
        to,
        ...fees,
      })
      const sent = await call(url, 'eth_sendRawTransaction', [raw]).catch(() => undefined)
      if (sent?.result !== undefined) nonce += 1
      await new Promise((resolve) => setTimeout(resolve, 500))
    }
  }
  const ended = loop()
  return async () => {
    isOver = true
    await ended
  }
}

/** Publishes two votes of one validator that exclude each other, in a present view, until it is convicted. */
async function showTwoFaces(account: number): Promise<void> {
  const peer = await createNetwork(
    { clock: realClock, rng: realRng, log: noopLogger },
    { bootstrap: network.bootstrap() },
  )
  await peer.start()
  try {
    const topic = await peer.openTopic(topicOf.vote(devChainId), {
      validate: () => Promise.resolve('ignore' as const),
      onMessage: () => undefined,
    })
    const peers = async () => topic.peers().length
    await until('peers', peers, (count) => count >= 3)
    for (let tries = 0; tries < 10; tries += 1) {
      for (const vote of await twoFaces(account)) {
        await topic.publish(canonicalBytes(plainOf({ kind: 'vote', vote })))
      }
      await new Promise((resolve) => setTimeout(resolve, 8_000))
      if ((await seatOf(account))?.isConvicted === true) return
    }
  } finally {
    await peer.stop()
  }
}

async function twoFaces(account: number) {
  const { members, epoch } = await validators()
  const voter = members.findIndex(({ address }) => address === addressOf(account))
  const { certificate } = await ask<{ certificate: { epoch: number; view: number } }>(
    'quern_finality',
  )
  const view = certificate.epoch === epoch ? certificate.view + 1 : 1
  return ['a', 'b'].map((digit) => {
    const block = `0x${digit.repeat(64)}` as const
    const statement = { kind: 'notarize', epoch, view, block } as const
    const signature = scheme.sign(keyOf(account).blsSecret, signingBytes(devChainId, statement))
    return { ...statement, voter, signature }
  })
}

const seatOf = async (account: number) =>
  (await validators()).seats.find(({ owner }) => owner === addressOf(account))

beforeAll(async () => {
  scratch = await scratchDir()
  const rules = { epochBlocks: BigInt(epochBlocks), thawSeconds: 3n }
  const genesis = await developmentGenesisOf(4, rules)
  network = await createValidatorProcesses(scratch.path, 4, genesis)
  await network.startAll()
  url = network.url(0)
  endLoad = startTransfers()
}, 300_000)
afterAll(async () => {
  await endLoad?.()
  await network?.stop()
  await scratch?.remove()
}, 60_000)

describe('four validators over epochs of twelve blocks', () => {
  let fifthUrl = ''

  test('the founders have seats with their stake', async () => {
    const now = await validators()
    const founders = [0, 1, 2, 3].map((index) => addressOf(devRoles.validator(index)))
    expect(votersOf(now)).toEqual(founders)
    const stakes = now.seats.slice(0, 4).map(({ seat, stakeGwei }) => [seat, stakeGwei])
    expect(stakes).toEqual([0, 1, 2, 3].map((seat) => [seat, String(1_000n * 10n ** 9n)]))
  })

  test('a fifth deposits, one exits; each command says what it did, or what to do instead', async () => {
    fifthUrl = await network.startFollower(fifth)
    const account = ['--account', fifth]
    const none = await run(4, ['exit', ...account, '--yes'])
    expect(none).toMatchObject({ exitCode: 1, last: { code: 'SEAT_MISSING' } })
    const little = await run(4, ['deposit', ...account, '--amount', '1', '--yes'])
    expect(little).toMatchObject({ last: { code: 'STAKE_TOO_SMALL' } })
    expect(await run(4, ['deposit', ...account])).toMatchObject({
      last: { code: 'CONFIRMATION_MISSING' },
    })
    const seated = await run(4, ['deposit', ...account, '--yes'])
    expect(seated, seated.err).toMatchObject({ exitCode: 0, last: { event: 'seated', seat: 4 } })
    expect(await run(4, ['deposit', ...account, '--yes'])).toMatchObject({
      last: { code: 'SEAT_EXISTS' },
    })
    // A loaded machine may be in the epoch already.
    const early = (await run(4, ['status', ...account])).last
    expect(early).toMatchObject({ seat: 4 })
    expect(['waiting', 'in force']).toContain(early['state'])
    const leaving = await run(leaver, [
      'exit',
      '--account',
      `dev:${devRoles.validator(leaver)}`,
      '--yes',
    ])
    expect(leaving, leaving.err).toMatchObject({ last: { event: 'leaving', seat: leaver } })
    const from = Math.max(Number(seated.last['fromEpoch']), Number(leaving.last['untilEpoch']))
    await reach(from)
    const now = await membersNow()
    expect(now).toContain(addressOf(fifthAccount))
    expect(now).not.toContain(addressOf(devRoles.validator(leaver)))
    const status = await run(4, ['status', ...account])
    expect(status.last).toMatchObject({
      state: 'in force',
      isMember: true,
      weight: 1_000,
      voters: 4,
    })
  })

  test('the fifth signs, and who left goes on as a follower and has its stake back', async () => {
    const { members } = await validators()
    const place = members.findIndex(({ address }) => address === addressOf(fifthAccount))
    await until(
      'a certificate with the fifth',
      async () => {
        const { certificate } = await ask<{ certificate: { signers: `0x${string}` } }>(
          'quern_finality',
        )
        return indicesOf(certificate.signers, members.length) ?? []
      },
      (signers) => signers.includes(place),
    )
    const left = network.url(leaver)
    const height = await heightOf(url)
    await until(
      'the one who left follows',
      () => heightOf(left),
      (now) => now >= height + 3,
    )
    const account = ['--account', `dev:${devRoles.validator(leaver)}`]
    expect((await run(leaver, ['status', ...account])).last).toMatchObject({ state: 'left' })
    const freed = await run(leaver, ['withdraw', ...account])
    const paidWei = String(1_000n * 10n ** 18n)
    expect(freed, freed.err).toMatchObject({ last: { event: 'freed', seat: leaver, paidWei } })
  })

  test('one with two faces is convicted on chain, and out of the next set', async () => {
    const account = devRoles.validator(liar)
    await showTwoFaces(account)
    expect(await seatOf(account)).toMatchObject({ isConvicted: true, stakeGwei: '0' })
    const { epoch } = await validators()
    await reach(epoch + 2)
    expect(await membersNow()).not.toContain(addressOf(account))
    const status = await run(liar, ['status', '--account', `dev:${account}`])
    expect(status.last).toMatchObject({ state: 'convicted', stakeWei: '0', isMember: false })
    const height = await heightOf(url)
    await until(
      'blocks go on',
      () => heightOf(url),
      (now) => now > height + 2,
    )
  })

  test('a fresh node syncs across all epochs', async () => {
    const late = await network.startFollower()
    const goal = await heightOf(url)
    await until(
      'the late one',
      () => heightOf(late),
      (height) => height >= goal,
    )
    expect((await validators()).epoch).toBeGreaterThanOrEqual(4)
    for (let height = 0; height <= goal; height += 1) {
      const hashes = await Promise.all([late, url, fifthUrl].map((of) => hashAt(of, height)))
      expect(new Set(hashes).size, `height ${height}`).toBe(1)
    }
    expect(network.ended()).toEqual([])
  })

  test('a light client follows each handoff from the genesis, or begins at a later set', async () => {
    const { genesisRoot } = await ask<{ genesisRoot: `0x${string}` }>('quern_genesis')
    const asked: string[] = []
    const http = createHttpRpc(url)
    const rpc = (method: string, params: readonly unknown[]) => {
      asked.push(method)
      return http(method, params)
    }
    const light = createLightClient({ rpc, scheme }, { chainId: devChainId, genesisRoot })
    const head = await light.newest()
    expect(head.validatorCount).toBe(3)
    expect(head.header.number).toBeGreaterThan(4 * epochBlocks)
    expect(asked).toContain('quern_handoffs')
    const checkpoint = light.checkpoint()!
    const later = createLightClient({ rpc, scheme }, checkpoint)
    expect((await later.newest()).header.number).toBeGreaterThanOrEqual(head.header.number)
    const wrong = createLightClient({ rpc, scheme }, { ...checkpoint, setRoot: genesisRoot })
    await expect(wrong.newest()).rejects.toMatchObject({ code: 'CHECKPOINT_MISMATCH' })
  })
})
