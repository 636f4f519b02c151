import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { privateKeyToAccount } from 'viem/accounts'
import { toHex } from '#base/hex.ts'
import type { JobView } from '#chain/client/view.ts'
import { segmentSeedOf, zeroHash } from '#compute/train/commit.ts'
import { firstBatchOf, segmentOfRound } from '#compute/train/records.ts'
import { findWrongClaim } from '#evaluator/challenge/find.ts'
import type { OpenAttempt } from '#evaluator/open-attempt.ts'
import { createFiles } from '#store/files.ts'
import type { Hex } from '#wire/primitives.ts'
import type { Transcript } from '#wire/segment.ts'
import { signClaims } from '#worker/claims.ts'
import {
  type Arena,
  arenaPlace,
  arenaTrain,
  operatorKeys,
  owners,
  runArena,
} from '../compute/train/arena.ts'

const liar = 1
const account = privateKeyToAccount(toHex(operatorKeys[liar] as Uint8Array))
const disputeGame: Hex = `0x${'d6'.repeat(20)}`
const view = { client: `0x${'c1'.repeat(20)}`, terms: { mode: 0 } } as unknown as JobView

let arena: Arena
beforeAll(async () => {
  arena = await runArena({ lies: { [liar]: 'ulp' } })
})
afterAll(() => arena.close())

/** What a worker was given in a round, by the shard of the worker at `index`. */
function batchesOf(worker: Hex, index: number) {
  const { course, runner } = arena
  return (round: number) =>
    runner.batches({
      segmentSeed: segmentSeedOf({
        ...course,
        worker,
        segment: segmentOfRound(arenaTrain, round),
      }),
      shard: { index, count: owners.length },
      firstBatch: firstBatchOf(arenaTrain, round),
      firstStep: arenaTrain.localSteps * round,
      steps: arenaTrain.localSteps,
    })
}

async function claimed(index: number, shard = index): Promise<Transcript> {
  const worker = owners[index] as Hex
  const transcript = arena.transcripts.get(worker) as Transcript
  const feed = { head: () => ({ timestamp: 1_800_000_000n }) }
  return signClaims(
    { account, feed: feed as never },
    { chainId: arenaPlace.chainId, disputeGame },
    { view, spec: arenaTrain, transcript, batchesOf: batchesOf(worker, shard) },
  )
}

function find(index: number, transcript: Transcript) {
  const { course, runner, opened, initial, rowsFile } = arena
  const unused = { auditSeed: zeroHash, operators: new Map<Hex, readonly Hex[]>() }
  const attempt = {
    place: { ...arenaPlace, ...course, ...unused, view },
    spec: { train: arenaTrain },
    facts: { initial },
    runner,
    opened,
    rowsFile,
    initialState: 'initial.safetensors',
  } as unknown as OpenAttempt
  const suspect = { worker: owners[index] as Hex, transcript, folder: `find-${index}` }
  const signal = new AbortController().signal
  return findWrongClaim({ files: createFiles(arena.directory) }, attempt, { ...suspect, signal })
}

describe('findWrongClaim', () => {
  test('finds the first round in which a worker signed what its steps do not give', async () => {
    const found = await find(liar, await claimed(liar))
    expect(found).toMatchObject({ claim: { round: 0, asserter: account.address.toLowerCase() } })
  })

  test('finds nothing about an honest worker', async () => {
    expect(await find(0, await claimed(0))).toBeUndefined()
  })

  test('leaves alone who says that it read other rows: no step of it need be wrong', async () => {
    expect(await find(liar, await claimed(liar, 2))).toBe('other batches')
  })
})
