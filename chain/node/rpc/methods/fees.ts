import { z } from 'zod'
import { type Hex } from '#base/hex.ts'
import { nextBaseFeePerGas, tipPerGas } from '#chain/core/fee.ts'
import { chainLimits } from '#chain/core/limits.ts'
import type { Payload } from '#chain/core/payload.ts'
import { feesOf } from '#chain/exec/embedded/transaction.ts'
import { type RpcContext, type RpcMethods, needBlock } from '../context.ts'
import { blockParam, hexQuantity, parse, quantity } from '../params.ts'

/** The tip we advise: no one has to outbid anyone on a chain with room. */
const advisedTipPerGas = 1_000_000_000n
const countParam = z.union([quantity.transform(Number), z.int().min(1)])
const percentiles = z.array(z.number().min(0).max(100)).max(100).nullish()

/** What a transaction should offer. */
export function feeMethods(context: RpcContext): RpcMethods {
  const { chain } = context

  /** Tips at the percentiles of a block's gas, cheapest first. */
  function rewards(block: Payload, wanted: readonly number[]): Hex[] {
    const base = block.header.baseFeePerGas
    const paid = chain.receipts(block).map(({ gasUsed }, index) => {
      const { tx } = context.decode(block.transactions[index] as Uint8Array)
      return { gasUsed: Number(gasUsed), tip: tipPerGas(feesOf(tx), base) }
    })
    paid.sort((a, b) => (a.tip < b.tip ? -1 : 1))
    const total = Number(block.header.gasUsed)
    return wanted.map((percentile) => {
      let gas = 0
      const at = paid.find(({ gasUsed }) => (gas += gasUsed) >= (total * percentile) / 100)
      return hexQuantity(at?.tip ?? 0n)
    })
  }

  function history(count: number, newest: Payload, wanted: readonly number[] | undefined) {
    const last = newest.header.number
    const wantedFirst = last + 1 - Math.min(count, chainLimits.feeHistoryBlocksMax)
    const kept = chain.oldest() === 1 ? 0 : chain.oldest()
    const first = Math.max(wantedFirst, Math.min(kept, last))
    const blocks: Payload[] = []
    for (let number = first; number <= last; number += 1) {
      const block = chain.byNumber(number)
      if (block !== undefined) blocks.push(block)
    }
    const fees = blocks.map(({ header }) => header.baseFeePerGas)
    return {
      oldestBlock: hexQuantity(first),
      baseFeePerGas: [...fees, nextBaseFeePerGas(newest.header)].map(hexQuantity),
      gasUsedRatio: blocks.map(({ header }) => Number(header.gasUsed) / Number(header.gasLimit)),
      baseFeePerBlobGas: Array.from({ length: blocks.length + 1 }, () => '0x1'),
      blobGasUsedRatio: blocks.map(() => 0),
      ...(wanted === undefined ? {} : { reward: blocks.map((block) => rewards(block, wanted)) }),
    }
  }

  return {
    eth_gasPrice: () => hexQuantity(nextBaseFeePerGas(chain.head().header) + advisedTipPerGas),
    eth_maxPriorityFeePerGas: () => hexQuantity(advisedTipPerGas),
    eth_blobBaseFee: () => '0x1',
    eth_feeHistory(params) {
      const [count, newest, wanted] = parse(params, countParam, blockParam, percentiles)
      return history(count, needBlock(chain, newest), wanted ?? undefined)
    },
  }
}
