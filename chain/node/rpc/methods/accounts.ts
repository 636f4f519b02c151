import { z } from 'zod'
import { AppError } from '#base/error.ts'
import { type Hex, fromHex, toHex } from '#base/hex.ts'
import { toKey } from '#store/key.ts'
import { proveAccount } from '#chain/exec/embedded/proof.ts'
import type { StateView } from '#chain/exec/embedded/state-view.ts'
import { type RpcContext, type RpcMethods, needBlock } from '../context.ts'
import { type BlockParam, address, hexQuantity, latest, parse, slot } from '../params.ts'

/** What accounts have. */
export function accountMethods(context: RpcContext): RpcMethods {
  const { chain } = context

  function viewAt(param: BlockParam): StateView {
    const hash = needBlock(chain, param).blockHash
    const view = chain.stateAfter(hash)
    if (view === undefined) throw new AppError({ code: 'STATE_UNKNOWN', hash })
    return view
  }

  const accountAt = (account: Hex, param: BlockParam) =>
    viewAt(param).account(toKey(fromHex(account)))

  async function nonceAt(account: Hex, param: BlockParam): Promise<number> {
    if (param === 'pending') return context.live.nextNonce(account)
    return Number(accountAt(account, param)?.nonce ?? 0n)
  }

  return {
    eth_getBalance(params) {
      const [account, block] = parse(params, address, latest)
      return hexQuantity(accountAt(account, block)?.balance ?? 0n)
    },
    eth_getCode(params) {
      const [account, block] = parse(params, address, latest)
      return codeOf(viewAt(block), account)
    },
    eth_getStorageAt(params) {
      const [account, place, block] = parse(params, address, slot, latest)
      const word = viewAt(block).slot(toKey(fromHex(account)), toKey(fromHex(place)))
      return `0x${toHex(word).slice(2).padStart(64, '0')}`
    },
    async eth_getTransactionCount(params) {
      const [account, block] = parse(params, address, latest)
      return hexQuantity(await nonceAt(account, block))
    },
    eth_getProof(params) {
      const [account, slots, block] = parse(params, address, z.array(slot).max(1024), latest)
      return proofJson(viewAt(block), { address: account, slots }, context.keccak256)
    },
  }
}

function codeOf(view: StateView, account: Hex): Hex {
  const stored = view.account(toKey(fromHex(account)))
  const code = stored === null ? undefined : view.code(toKey(stored.codeHash))
  return toHex(code ?? new Uint8Array())
}

function proofJson(
  view: StateView,
  target: { readonly address: Hex; readonly slots: readonly Hex[] },
  keccak256: RpcContext['keccak256'],
) {
  const proven = proveAccount(view, target, keccak256)
  return {
    address: proven.address,
    balance: hexQuantity(proven.balanceWei),
    nonce: hexQuantity(proven.nonce),
    codeHash: proven.codeHash,
    storageHash: proven.storageHash,
    accountProof: proven.accountProof,
    storageProof: proven.storageProof.map((entry) => ({
      key: entry.slot,
      value: hexQuantity(entry.word),
      proof: entry.proof,
    })),
  }
}
