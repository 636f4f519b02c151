import { AppError } from '#base/error.ts'
import { type Terms, jobIdOf } from '#chain/client/terms.ts'
import type { ChainAccess, Sent, Transactor } from '#chain/client/transactor.ts'
import type { Hex } from '#wire/primitives.ts'
import { escrowOf, weiToTrain } from './terms.ts'

/** Whether the client can pay. Throws BALANCE_TOO_LOW with what is there and what is needed. */
export async function checkFunds(client: Transactor, terms: Terms): Promise<void> {
  const account = await client.read<{ earningsGwei: bigint }>('Staking', 'accountOf', [
    client.address,
  ])
  const tokenWei = await client.read<bigint>('TrainToken', 'balanceOf', [client.address])
  const balanceWei = tokenWei + account.earningsGwei * 10n ** 9n
  const neededWei = escrowOf(terms)
  if (balanceWei >= neededWei) return
  const has = `${client.address} has ${weiToTrain(balanceWei)} TRAIN`
  const message = `${has}, the escrow needs ${weiToTrain(neededWei)}; lower --reward or fund the account`
  throw new AppError({ code: 'BALANCE_TOO_LOW', balanceWei, neededWei, message })
}

/** Approves the escrow and posts the job. */
export async function sendJob(
  client: Transactor,
  access: ChainAccess,
  terms: Terms,
): Promise<{ jobId: Hex; sent: Sent }> {
  const { chainId, contracts } = access
  const spender = contracts.Staking
  const allowedWei = await client.read<bigint>('TrainToken', 'allowance', [client.address, spender])
  const neededWei = escrowOf(terms)
  if (allowedWei < neededWei) await client.send('TrainToken', 'approve', [spender, neededWei])
  const sent = await client.send('JobManager', 'postJob', [terms])
  return { jobId: jobIdOf(terms, { chainId, jobManager: contracts.JobManager }), sent }
}
