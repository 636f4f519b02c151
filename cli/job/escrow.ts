import { AppError } from '#base/error.ts'
import { keyConsentOf } from '#chain/client/key-consent.ts'
import type { Terms } from '#chain/client/terms.ts'
import type { ChainAccess, Sent, Transactor } from '#chain/client/transactor.ts'
import type { Consent } from '#wire/consent.ts'
import { escrowOf, weiToTrain } from './terms.ts'

/** Reverts that say: the world has changed since the workers signed. */
const lostReasons = [
  'SignatureExpired',
  'BadSignature',
  'StakeTooLow',
  'NotRegistered',
  'ConsentRefused',
]

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

/** Lets the escrow be taken from the client's tokens. */
export async function approveEscrow(
  client: Transactor,
  { contracts }: ChainAccess,
  terms: Terms,
): Promise<void> {
  const spender = contracts.Staking
  const allowedWei = await client.read<bigint>('TrainToken', 'allowance', [client.address, spender])
  const neededWei = escrowOf(terms)
  if (allowedWei < neededWei) await client.send('TrainToken', 'approve', [spender, neededWei])
}

/**
 * Posts the job; where workers have signed, it runs from the same transaction on. Throws CONSENT_LOST when a
 * signature counts no more, REVERTED and the chain's errors.
 */
export async function sendJob(
  client: Transactor,
  terms: Terms,
  consents: readonly Consent[],
): Promise<Sent> {
  if (consents.length === 0) return client.send('JobManager', 'postJob', [terms])
  try {
    return await client.send('JobManager', 'openJob', [terms, consents.map(keyConsentOf)])
  } catch (error) {
    const reason = error instanceof AppError ? error.fields['reason'] : undefined
    if (!lostReasons.some((one) => one === reason)) throw error
    const message = `a worker that signed cannot be assigned any more (${String(reason)}); nothing was posted and no escrow was taken; post again`
    throw new AppError({ code: 'CONSENT_LOST', reason, message }, { cause: error })
  }
}
