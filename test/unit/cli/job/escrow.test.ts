import { expect, test } from 'vitest'
import type { Transactor } from '#chain/client/transactor.ts'
import { checkFunds } from '#cli/job/escrow.ts'
import { escrowOf } from '#cli/job/terms.ts'
import { terms } from '#test/unit/chain/client/jobs.ts'

function clientWith(tokenWei: bigint, earningsGwei: bigint): Transactor {
  const answers: Record<string, unknown> = { accountOf: { earningsGwei }, balanceOf: tokenWei }
  return {
    address: terms.client,
    read: async (_contract: string, name: string) => answers[name],
  } as unknown as Transactor
}

test('checkFunds counts tokens and earnings together, to the wei', async () => {
  const needed = escrowOf(terms)
  await expect(checkFunds(clientWith(needed - 10n ** 9n, 1n), terms)).resolves.toBeUndefined()
  await expect(checkFunds(clientWith(needed - 10n ** 9n - 1n, 1n), terms)).rejects.toMatchObject({
    code: 'BALANCE_TOO_LOW',
  })
})
