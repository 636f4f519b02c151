import type { EOACode7702Tx } from '@ethereumjs/tx'
import {
  Account,
  type Address,
  MAX_UINT64,
  SECP256K1_ORDER_DIV_2,
  bytesToBigInt,
  concatBytes,
  eoaCode7702RecoverAuthority,
} from '@ethereumjs/util'
import type { Machine } from './machine.ts'

const delegationPrefix = Uint8Array.of(0xef, 0x01, 0x00)

/** Whether code only points to another account's code (EIP-7702). */
export function isDelegation(code: Uint8Array): boolean {
  return code.length === 23 && delegationPrefix.every((byte, i) => code[i] === byte)
}

/** The account that code points to. */
export function delegateOf(code: Uint8Array): Uint8Array | undefined {
  return isDelegation(code) ? code.subarray(delegationPrefix.length) : undefined
}

/**
 * Sets the delegations that a transaction's signers ask for (EIP-7702); one that does not hold is skipped.
 * Gives the gas to refund for authorities that existed.
 */
export async function applyAuthorizations(machine: Machine, tx: EOACode7702Tx): Promise<bigint> {
  const { common } = machine
  const refundEach = common.param('perEmptyAccountCost') - common.param('perAuthBaseGas')
  let refund = 0n
  for (const item of tx.authorizationList) {
    const authority = authorityOf(machine, item)
    if (authority !== undefined && (await delegate(machine, authority, item))) refund += refundEach
  }
  return refund
}

type Item = EOACode7702Tx['authorizationList'][number]

function authorityOf(machine: Machine, item: Item): Address | undefined {
  const [chainId, , nonce, yParity, , s] = item
  const chain = bytesToBigInt(chainId)
  if (chain !== 0n && chain !== machine.common.chainId()) return undefined
  if (bytesToBigInt(nonce) >= MAX_UINT64) return undefined
  if (bytesToBigInt(s) > SECP256K1_ORDER_DIV_2 || bytesToBigInt(yParity) > 1n) return undefined
  try {
    return eoaCode7702RecoverAuthority(item)
  } catch {
    return undefined // no key signed this: skipped, as the EIP says
  }
}

/** Whether the authority existed before; undefined effects where code or nonce stand against it. */
async function delegate(machine: Machine, authority: Address, item: Item): Promise<boolean> {
  const { evm, state } = machine
  const [, target, nonce] = item
  const found = await state.getAccount(authority)
  const account = found ?? new Account()
  evm.journal.addAlwaysWarmAddress(authority.toString())
  if (account.isContract() && !isDelegation(await state.getCode(authority))) return false
  if (account.nonce !== bytesToBigInt(nonce)) return false
  account.nonce += 1n
  await evm.journal.putAccount(authority, account)
  const isClearing = target.every((byte) => byte === 0)
  await state.putCode(
    authority,
    isClearing ? new Uint8Array() : concatBytes(delegationPrefix, target),
  )
  return found !== undefined
}
