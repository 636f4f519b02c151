import { afterEach, describe, expect, test } from 'vitest'
import { type Server, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { codeOf } from '#base/error.ts'
import type { Hex } from '#base/hex.ts'
import { keccak256 } from '#base/crypto/keys.ts'
import { createFakeClock } from '#base/clock.ts'
import { createHttpEngine } from '#chain/exec/engine-http/engine.ts'
import { parseJwtSecret, signJwt } from '#chain/exec/engine-http/jwt.ts'
import { createEngineRpc } from '#chain/exec/engine-http/rpc.ts'
import { createWorld, feeRecipient, zeroHash } from './world.ts'

let servers: Server[] = []
afterEach(() => {
  for (const server of servers) server.close()
  servers = []
})

type Answers = Readonly<Record<string, unknown>>

/** An execution client of prepared answers, and what it was asked. */
async function serve(answers: Answers) {
  const asked: { method: string; params: unknown[] }[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const question = JSON.parse(Buffer.concat(chunks).toString()) as (typeof asked)[0]
      asked.push(question)
      const answer = answers[question.method]
      const body =
        answer instanceof Error
          ? { error: { code: -38001, message: answer.message } }
          : { result: answer }
      response.end(JSON.stringify({ jsonrpc: '2.0', id: 1, ...body }))
    })
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const rpc = createEngineRpc(createFakeClock(), { url, timeoutMs: 2_000 })
  const engine = createHttpEngine({ engine: rpc, reads: rpc, keccak256 }, { fork: 'prague' })
  return { engine, rpc, asked, server }
}

const payload = async () => (await createWorld()).build()
const forkchoice = { head: zeroHash, safe: zeroHash, finalized: zeroHash }
const attributes = (timestamp: number) => ({
  timestamp,
  prevRandao: zeroHash,
  feeRecipient,
  withdrawals: [],
  parentBeaconBlockRoot: zeroHash,
})

describe('newPayload', () => {
  test.each([
    ['VALID', { kind: 'valid' }],
    ['SYNCING', { kind: 'syncing' }],
    ['ACCEPTED', { kind: 'syncing' }],
    ['INVALID', { kind: 'invalid', reason: 'bad root' }],
    ['INVALID_BLOCK_HASH', { kind: 'invalid', reason: 'bad root' }],
  ])('of status %s is %j', async (status, expected) => {
    const { engine } = await serve({
      engine_newPayloadV4: { status, validationError: status === 'VALID' ? null : 'bad root' },
    })
    expect(await engine.newPayload(await payload())).toEqual(expected)
  })

  test('refuses a wrong hash without asking', async () => {
    const { engine, asked } = await serve({})
    const wrong = { ...(await payload()), blockHash: zeroHash }
    expect(await engine.newPayload(wrong)).toMatchObject({ kind: 'invalid' })
    expect(asked).toEqual([])
  })
})

describe('forkchoiceUpdated', () => {
  const block = { number: '0x1', hash: zeroHash, timestamp: '0x64' }
  const answers = {
    eth_getBlockByHash: block,
    engine_forkchoiceUpdatedV3: { payloadStatus: { status: 'VALID' }, payloadId: '0x01' },
  }

  test.each([
    [100, 'invalid'],
    [100.5, 'invalid'],
    [101, 'valid'],
  ])('for a block at second %d after one at 100 is %s', async (timestamp, kind) => {
    const { engine } = await serve(answers)
    const { status } = await engine.forkchoiceUpdated(forkchoice, attributes(timestamp))
    expect(status.kind).toBe(kind)
  })

  test('on an unknown head is syncing', async () => {
    const { engine } = await serve({ ...answers, eth_getBlockByHash: null })
    const { status } = await engine.forkchoiceUpdated(forkchoice, attributes(101))
    expect(status).toEqual({ kind: 'syncing' })
  })
})

describe('getPayload', () => {
  test('PAYLOAD_UNKNOWN: nobody asked for that block', async () => {
    const { engine } = await serve({ engine_getPayloadV4: { executionPayload: {} } })
    expect(await engine.getPayload('0x09').catch(codeOf)).toBe('PAYLOAD_UNKNOWN')
  })
})

describe('read', () => {
  test('asks by hash, else by the height at which that hash stands; STATE_UNKNOWN where it does not', async () => {
    const hash: Hex = `0x${'11'.repeat(32)}`
    const block = { number: '0x7', hash, timestamp: '0x64' }
    const { engine } = await serve({ eth_getStorageAt: '0x2a' })
    const [word] = await engine.read(block.hash, zeroHash, [zeroHash])
    expect(word).toBe(`0x${'2a'.padStart(64, '0')}`)
    const lost = await serve({
      eth_getStorageAt: new Error('no state'),
      eth_getBlockByHash: block,
      eth_getBlockByNumber: { ...block, hash: zeroHash },
    })
    expect(await lost.engine.read(block.hash, zeroHash, [zeroHash]).catch(codeOf)).toBe(
      'STATE_UNKNOWN',
    )
  })

  test('ENGINE_DOWN when nobody answers, and it may be tried again', async () => {
    const { engine, server } = await serve({})
    server.close()
    server.closeAllConnections()
    const failure = await engine.newPayload(await payload()).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'ENGINE_DOWN', retryable: true })
  })
})

describe('signJwt', () => {
  test('is HS256 over header and claim', () => {
    const secret = parseJwtSecret(`0x${'00'.repeat(32)}\n`)
    const [head = '', claim = '', mac] = signJwt(secret, 1_700_000_000).split('.')
    expect(JSON.parse(Buffer.from(head, 'base64url').toString())).toEqual({
      alg: 'HS256',
      typ: 'JWT',
    })
    expect(JSON.parse(Buffer.from(claim, 'base64url').toString())).toEqual({ iat: 1_700_000_000 })
    expect(mac).toHaveLength(43)
  })

  test.each(['', '0x12', 'zz'.repeat(32)])('JWT_SECRET_INVALID: %j', (text) => {
    let code: string | undefined
    try {
      parseJwtSecret(text)
    } catch (error) {
      code = codeOf(error)
    }
    expect(code).toBe('JWT_SECRET_INVALID')
  })
})
