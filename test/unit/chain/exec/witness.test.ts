import { describe, expect, test } from 'vitest'
import { AppError } from '#base/error.ts'
import { createFakeClock } from '#base/clock.ts'
import { noopLogger } from '#base/log.ts'
import type { Hex } from '#base/hex.ts'
import type { ExecutionEngine } from '#chain/exec/engine.ts'
import { openWitnessedEngine } from '#chain/exec/engine-http/witness.ts'
import { type World, createWorld, testGenesis } from './world.ts'

/** A client that keeps the rules, as another node's engine does. */
function clientOf(world: World) {
  const { chain } = world.engine
  const hashAt = async (height: number) => chain.byNumber(height)?.blockHash
  return { hashAt, height: async () => chain.finalised().header.number }
}

interface Changes {
  readonly client?: Partial<ExecutionEngine>
  readonly hashAt?: (height: number) => Promise<Hex | undefined>
  readonly height?: () => Promise<number>
  readonly recorder?: { readonly address: Hex; readonly calldata: Hex }
}

async function open(own: World, theirs: World, changes: Changes = {}) {
  const clock = createFakeClock()
  const { client, recorder, ...chain } = changes
  const deps = {
    own: own.engine,
    client: { ...theirs.engine, ...client },
    clientChain: { ...clientOf(theirs), ...chain },
    clock,
    logger: noopLogger,
  }
  const { signal } = new AbortController()
  const opening = openWitnessedEngine(deps, { genesis: { recorder }, signal })
  return { engine: await opening, clock }
}

const worlds = async () => [await createWorld(), await createWorld()] as const
const height = ({ engine }: World) => engine.chain.finalised().header.number

async function mine(world: World, count: number) {
  for (let i = 0; i < count; i += 1) await world.mine([])
}

describe('openWitnessedEngine', () => {
  test('brings the client up, and has it follow every final block', async () => {
    const [own, theirs] = await worlds()
    await mine(own, 3)
    const { engine } = await open(own, theirs)
    expect(height(theirs)).toBe(3)
    const payload = await own.build()
    expect(await engine.newPayload(payload)).toEqual({ kind: 'valid' })
    const { blockHash: head } = payload
    expect(height(theirs)).toBe(3)
    await engine.forkchoiceUpdated({ head, safe: head, finalized: head })
    expect(theirs.engine.chain.finalised().blockHash).toBe(head)
    expect(engine.chain.finalised().blockHash).toBe(head)
  })

  test('hands the client the parents that it lacks', async () => {
    const [own, theirs] = await worlds()
    const { engine } = await open(own, theirs)
    await mine(own, 2) // beside the client
    expect(await engine.newPayload(await own.build())).toEqual({ kind: 'valid' })
    expect(theirs.engine.chain.byHash(own.engine.chain.head().blockHash)).toBeDefined()
  })

  test('does not ask where it finds a block invalid itself', async () => {
    const [own, theirs] = await worlds()
    const asked: unknown[] = []
    const newPayload = async (payload: unknown) => {
      asked.push(payload)
      return { kind: 'valid' } as const
    }
    const { engine } = await open(own, theirs, { client: { newPayload } })
    const payload = await own.build()
    const wrong = { ...payload, blockHash: payload.header.parentHash }
    expect(await engine.newPayload(wrong)).toMatchObject({ kind: 'invalid' })
    expect(asked).toEqual([])
  })

  test('ends the node where the client finds a block invalid', async () => {
    const [own, theirs] = await worlds()
    const newPayload = async () => ({ kind: 'invalid', reason: 'bad root' }) as const
    const { engine } = await open(own, theirs, { client: { newPayload } })
    const judged = engine.newPayload(await own.build())
    await expect(judged).rejects.toMatchObject({
      code: 'ENGINE_DISAGREES',
      fields: { reason: 'bad root', height: 1 },
    })
  })

  test('waits for a client that is down or syncing, and says nothing meanwhile', async () => {
    const [own, theirs] = await worlds()
    const answers = ['down', 'down', 'syncing', 'syncing', 'valid']
    const newPayload: ExecutionEngine['newPayload'] = async () => {
      const kind = answers.shift() as 'down' | 'syncing' | 'valid'
      if (kind === 'down') throw new AppError({ code: 'ENGINE_DOWN' })
      return { kind }
    }
    const { engine, clock } = await open(own, theirs, { client: { newPayload } })
    let status: unknown
    const judged = engine.newPayload(await own.build()).then((answer) => (status = answer))
    await clock.advance(1_900)
    expect(status).toBe(undefined)
    await clock.advance(200)
    await judged
    expect(status).toEqual({ kind: 'valid' })
    expect(answers).toEqual([])
  })

  const other: Hex = `0x${'ee'.repeat(32)}`
  test.each([
    ['ENGINE_RECORDER', { recorder: { address: other, calldata: '0x' } }],
    ['ENGINE_GENESIS_DIFFERS', { hashAt: async () => other }],
    ['ENGINE_DISAGREES', { client: { newPayload: async () => ({ kind: 'invalid', reason: '' }) } }],
  ] as readonly [string, Changes][])('%s', async (code, changes) => {
    const [own, theirs] = await worlds()
    await mine(own, 1)
    await expect(open(own, theirs, changes)).rejects.toMatchObject({ code })
  })

  test('ENGINE_CHAIN_DIFFERS', async () => {
    const [own, theirs] = await worlds()
    await mine(own, 2)
    await theirs.mine([], { prevRandao: other })
    await expect(open(own, theirs)).rejects.toMatchObject({ code: 'ENGINE_CHAIN_DIFFERS' })
  })

  test('ENGINE_TOO_FAR_BEHIND', async () => {
    const own = await createWorld({ keepBlocks: 4 })
    await mine(own, 12)
    const theirs = await createWorld({ genesis: testGenesis() })
    await expect(open(own, theirs)).rejects.toMatchObject({ code: 'ENGINE_TOO_FAR_BEHIND' })
  })
})
