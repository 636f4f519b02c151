import { describe, expect, test } from 'vitest'
import { AppError, codeOf } from '#base/error.ts'
import { memberOf } from '#chain/client/members.ts'
import type { RegistryEntry } from '#chain/client/registry.ts'
import type { Hex } from '#wire/primitives.ts'
import { account, event, viewAfter } from './jobs.ts'

const [one, other] = [account('1'), account('2')]
const view = viewAfter(event('WorkersAssigned', { workers: [one, other], beaconHeight: 9n }))

/** A registry that has one peer, and fails for the others. */
const registryOf = (known: Hex, failure: string) => ({
  entryOf: async (owner: Hex) => {
    if (owner !== known) throw new AppError({ code: failure, owner })
    return { peerId: 'peer' } as RegistryEntry
  },
  ownerOf: async () => undefined,
})

describe('memberOf', () => {
  test('finds who registered the peer, past those that never registered', async () => {
    expect(await memberOf(view, 'peer', registryOf(other, 'NOT_REGISTERED'))).toBe(other)
    expect(await memberOf(view, 'stranger', registryOf(other, 'NOT_REGISTERED'))).toBeUndefined()
    expect(await memberOf(undefined, 'peer', registryOf(one, 'RPC_DOWN'))).toBeUndefined()
  })

  test('RPC_DOWN: a member that cannot be looked up is no stranger', async () => {
    const asked = memberOf(view, 'peer', registryOf(other, 'RPC_DOWN'))
    expect(await asked.catch(codeOf)).toBe('RPC_DOWN')
  })
})
