import { describe, expect, test } from 'vitest'
import { systemAddresses } from '#wire/addresses.ts'
import { deploymentOf } from '#wire/deployment.ts'

describe('deploymentOf', () => {
  test('makes each contract once', () => {
    const names = deploymentOf(systemAddresses).contracts.map(({ name }) => name)
    expect(names.toSorted()).toEqual(Object.keys(systemAddresses).toSorted())
  })

  test('gives holders their TRAIN for as much native coin', () => {
    const holder = { address: systemAddresses.Beacon, amountWei: 7n }
    const { calls } = deploymentOf(systemAddresses, { holders: [holder] })
    expect(calls).toEqual([
      { from: holder.address, to: 'TrainToken', functionName: 'deposit', valueWei: 7n },
    ])
  })

  test('asks another chain’s randomness where it is named', () => {
    const randomness = '0x00000000000000000000000000000000000000aa'
    const argsOf = (options: object) =>
      deploymentOf(systemAddresses, options).contracts.find(({ name }) => name === 'JobManager')
        ?.args
    expect(argsOf({})).toContain(systemAddresses.Beacon)
    expect(argsOf({ randomness })).toContain(randomness)
    expect(argsOf({ randomness })).not.toContain(systemAddresses.Beacon)
  })
})
