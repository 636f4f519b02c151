import { z } from 'zod'
import { AppError } from '#base/error.ts'
import { type Hex, fromHex, toHex } from '#base/hex.ts'
import { toKey } from '#store/key.ts'
import { proveAccount } from '../../../exec/embedded/proof.ts'
import type { StateView } from '../../../exec/embedded/state-view.ts'
import { type RpcContext, type RpcMethods, needBlock } from '../context.ts'
import { outputOf } from '../errors.ts'
import {
  type BlockParam,
  address,
  callParam,
  hexQuantity,
  latest,
  overridesParam,
  parse,
  slot,
} from '../params.ts'

/** Accounts, and messages run on the state. */
export function stateMethods(context: RpcContext): RpcMethods {
  const { chain, simulator } = context

  function viewAt(param: BlockParam): StateView {
    const hash = needBlock(chain, param).blockHash
    const view = chain.stateAfter(hash)
    if (view === undefined) throw new AppError({ code: 'STATE_UNKNOWN', hash })
    return view
  }

  function accountAt(account: Hex, param: BlockParam) {
    return viewAt(param).account(toKey(fromHex(account)))
  }

  function codeAt(account: Hex, param: BlockParam): Hex {
    const view = viewAt(param)
    const stored = view.account(toKey(fromHex(account)))
    const code = stored === null ? undefined : view.code(toKey(stored.codeHash))
    return toHex(code ?? new Uint8Array())
  }

  function nonceAt(account: Hex, param: BlockParam): number {
    const nonce = Number(accountAt(account, param)?.nonce ?? 0n)
    return param === 'pending' ? context.pool.nextNonce(account, nonce) : nonce
  }

  function wordAt(account: Hex, place: Hex, param: BlockParam): Hex {
    const word = viewAt(param).slot(toKey(fromHex(account)), toKey(fromHex(place)))
    return `0x${toHex(word).slice(2).padStart(64, '0')}`
  }

  function proof(account: Hex, slots: readonly Hex[], param: BlockParam) {
    const proven = proveAccount(viewAt(param), { address: account, slots }, context.keccak256)
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

  return {
    eth_getBalance(params) {
      const [account, block] = parse(params, address, latest)
      return hexQuantity(accountAt(account, block)?.balance ?? 0n)
    },
    eth_getCode(params) {
      return codeAt(...parse(params, address, latest))
    },
    eth_getStorageAt(params) {
      return wordAt(...parse(params, address, slot, latest))
    },
    eth_getTransactionCount(params) {
      return hexQuantity(nonceAt(...parse(params, address, latest)))
    },
    eth_getProof(params) {
      return proof(...parse(params, address, z.array(slot).max(1024), latest))
    },
    async eth_call(params) {
      const [request, param, overrides] = parse(
        params,
        callParam,
        latest,
        overridesParam.optional(),
      )
      const block = needBlock(chain, param)
      return toHex(outputOf(await simulator.call(request, { block, overrides })))
    },
    async eth_estimateGas(params) {
      const [request, param, overrides] = parse(
        params,
        callParam,
        latest,
        overridesParam.optional(),
      )
      const outcome = await simulator.estimateGas(request, {
        block: needBlock(chain, param),
        overrides,
      })
      outputOf(outcome)
      return hexQuantity(outcome.gasUsed)
    },
    async eth_createAccessList(params) {
      const [request, param] = parse(params, callParam, latest)
      const { entries, outcome } = await simulator.accessList(request, {
        block: needBlock(chain, param),
      })
      const error = outcome.kind === 'done' ? {} : { error: outcomeText(outcome) }
      return { accessList: entries, gasUsed: hexQuantity(outcome.gasUsed), ...error }
    },
  }
}

function outcomeText(outcome: { readonly kind: string; readonly reason?: string }): string {
  return outcome.reason ?? 'execution reverted'
}
