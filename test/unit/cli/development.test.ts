import { describe, expect, test } from 'vitest'
import { setFrom } from '#chain/core/consensus/handoff.ts'
import { loadScheme } from '#base/crypto/bls/load.ts'
import { parseGenesis } from '#chain/core/genesis.ts'
import { ledgerHeadIn, ledgerSlots } from '#chain/core/work-slots.ts'
import { checkFounders, validatorKeyOf } from '#chain/node/consensus/founders.ts'
import { readMembers } from '#chain/node/work-reads.ts'
import { devRoles, devWorkersMax } from '#cli/dev-roles.ts'
import { exactEngineId } from '#cli/exact-engine.ts'
import { developmentGenesisOf } from '#cli/local-validators.ts'
import { devAccount } from '#cli/mnemonic.ts'
import { workLedgerAbi } from '#wire/abi/workLedger.ts'
import { devChainId, systemAddresses } from '#wire/addresses.ts'
import { callerOf, createWorld } from '#test/unit/chain/exec/world.ts'

const { WorkLedger } = systemAddresses
const account = (index: number) => devAccount(index, devChainId)

describe('developmentGenesisOf', () => {
  test('seats its validators, and behind them the owners of its workers with their operators’ keys', async () => {
    const genesis = await developmentGenesisOf(2)
    const scheme = await loadScheme()
    checkFounders(parseGenesis(genesis), scheme)
    const { engine } = await createWorld({ genesis })
    const members = await readMembers(engine, engine.chain.genesisHash, 0)
    const { validators } = setFrom(0, members, [])
    expect(validators.map(({ seat, weight }) => [seat, weight])).toEqual([
      [0, 1_000],
      [1, 1_000],
      ...Array.from({ length: devWorkersMax }, (_, i) => [128 + i, 0]),
    ])
    for (let i = 0; i < devWorkersMax; i += 1) {
      const { blsSecret } = validatorKeyOf(account(devRoles.workerOperator(i)).privateKey)
      expect(validators[2 + i]).toMatchObject({
        address: account(devRoles.workerOwner(i)).address,
        blsKey: scheme.publicKey(blsSecret),
      })
    }
  })

  test('lets jobs of this engine earn units, which lead every height that they can', async () => {
    const { engine } = await createWorld({ genesis: await developmentGenesisOf(1) })
    const { read } = callerOf(engine)
    const engineId = await exactEngineId()
    expect(await read(WorkLedger, workLedgerAbi, 'isEngineAllowed', [engineId])).toBe(true)
    const words = await engine.read(engine.chain.genesisHash, WorkLedger, ledgerSlots)
    expect(ledgerHeadIn(words)).toMatchObject({ powEvery: 1, unitFlops: 10n ** 5n })
  })

  test('leaves the election out where powEvery is 0', async () => {
    const { engine } = await createWorld({
      genesis: await developmentGenesisOf(1, { powEvery: 0 }),
    })
    const words = await engine.read(engine.chain.genesisHash, WorkLedger, ledgerSlots)
    expect(ledgerHeadIn(words).powEvery).toBe(0)
  })
})
