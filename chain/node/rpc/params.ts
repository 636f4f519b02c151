import { z } from 'zod'
import type { Hex } from '#base/hex.ts'
import type { AccountOverride, CallRequest } from '#chain/exec/embedded/simulate.ts'
import { invalidParams } from './errors.ts'

const lower = (text: string): Hex => text.toLowerCase() as Hex
const hexOf = (bytes: number) =>
  z
    .string()
    .regex(new RegExp(`^0x[0-9a-fA-F]{${bytes * 2}}$`), `expected ${bytes} bytes as hex`)
    .transform(lower)

/** Hex integer without leading zeros; wallets that pad are let through. */
export const quantity = z
  .string()
  .regex(/^0x[0-9a-fA-F]{1,64}$/, 'expected a hex quantity')
  .transform((text) => BigInt(text))
export const address = hexOf(20)
export const hash = hexOf(32)
export const bytes = z
  .string()
  .regex(/^0x([0-9a-fA-F]{2})*$/, 'expected hex bytes')
  .transform(lower)
/** A storage slot: 32 bytes, or a quantity as older tools send it. */
export const slot = z
  .string()
  .regex(/^0x[0-9a-fA-F]{1,64}$/, 'expected a storage slot')
  .transform((text): Hex => `0x${text.slice(2).toLowerCase().padStart(64, '0')}`)

const tag = z.enum(['latest', 'pending', 'safe', 'finalized', 'earliest'])

/** A block by tag, height or hash (EIP-1898). */
export const blockParam = z.union([
  tag,
  quantity.transform(Number),
  z.object({ blockHash: hash }).transform(({ blockHash }) => ({ hash: blockHash })),
  z.object({ blockNumber: quantity }).transform(({ blockNumber }) => Number(blockNumber)),
])
export type BlockParam = z.infer<typeof blockParam>
export const latest = blockParam.default('latest')

const accessList = z.array(z.object({ address, storageKeys: z.array(slot).max(1024) })).max(1024)
const authorizationList = z
  .array(
    z
      .object({ address, chainId: quantity, nonce: quantity, r: slot, s: slot })
      .and(z.object({ yParity: quantity.optional(), v: quantity.optional() })),
  )
  .max(256)

/** A transaction that is not signed, as eth_call and its kin take it. */
export const callParam = z
  .object({
    from: address.nullish(),
    to: address.nullish(),
    gas: quantity.nullish(),
    gasPrice: quantity.nullish(),
    maxFeePerGas: quantity.nullish(),
    maxPriorityFeePerGas: quantity.nullish(),
    nonce: quantity.nullish(),
    value: quantity.nullish(),
    data: bytes.nullish(),
    input: bytes.nullish(),
    accessList: accessList.nullish(),
    authorizationList: authorizationList.nullish(),
  })
  .transform(toCallRequest)

const nobody: Hex = `0x${'00'.repeat(20)}`

interface RawCall {
  readonly from?: Hex | null
  readonly to?: Hex | null
  readonly gas?: bigint | null
  readonly gasPrice?: bigint | null
  readonly maxFeePerGas?: bigint | null
  readonly maxPriorityFeePerGas?: bigint | null
  readonly nonce?: bigint | null
  readonly value?: bigint | null
  readonly data?: Hex | null
  readonly input?: Hex | null
  readonly accessList?: z.infer<typeof accessList> | null
  readonly authorizationList?: z.infer<typeof authorizationList> | null
}

function toCallRequest(call: RawCall): CallRequest {
  return {
    from: call.from ?? nobody,
    to: call.to ?? undefined,
    gas: call.gas ?? undefined,
    gasPrice: call.gasPrice ?? call.maxFeePerGas ?? undefined,
    maxPriorityFeePerGas: call.maxPriorityFeePerGas ?? undefined,
    nonce: call.nonce ?? undefined,
    valueWei: call.value ?? undefined,
    input: call.input ?? call.data ?? undefined,
    accessList: call.accessList ?? undefined,
    authorizationList: call.authorizationList?.map((item) => ({
      ...item,
      chainId: hexQuantity(item.chainId),
      nonce: hexQuantity(item.nonce),
      yParity: hexQuantity(item.yParity ?? (item.v ?? 0n) % 2n),
    })),
  }
}

const words = z.record(slot, slot)
/** Accounts taken to be other than they are, for one call. */
export const overridesParam = z
  .record(
    address,
    z.object({
      balance: quantity.nullish(),
      nonce: quantity.nullish(),
      code: bytes.nullish(),
      state: z.never('replacing all storage is not supported: use stateDiff').optional(),
      stateDiff: words.nullish(),
    }),
  )
  .transform(
    (record) =>
      new Map<Hex, AccountOverride>(
        Object.entries(record).map(([account, override]) => [
          account as Hex,
          {
            balanceWei: override.balance ?? undefined,
            nonce: override.nonce ?? undefined,
            code: override.code ?? undefined,
            words: override.stateDiff ?? undefined,
          },
        ]),
      ),
  )

const topic = z.union([hash, z.array(hash).max(64), z.null()])
/** Which logs: by addresses, topics, and a block hash or a range. */
export const filterParam = z.object({
  address: z.union([address, z.array(address).max(1024)]).nullish(),
  topics: z.array(topic).max(4).nullish(),
  fromBlock: blockParam.nullish(),
  toBlock: blockParam.nullish(),
  blockHash: hash.nullish(),
})
export type FilterParam = z.infer<typeof filterParam>

/** Parses positional parameters; the ones not given may be left out where their schema allows it. */
export function parse<T extends readonly z.ZodType[]>(
  params: readonly unknown[],
  ...schemas: T
): { [index in keyof T]: z.output<T[index]> } {
  const parsed = schemas.map((schema, index) => {
    const result = schema.safeParse(params[index] ?? undefined)
    if (result.success) return result.data
    const problem = result.error.issues[0]
    const place = (problem?.path ?? []).map((step) => `.${String(step)}`).join('')
    throw invalidParams(`invalid argument ${index}${place}: ${problem?.message ?? 'invalid'}`)
  })
  return parsed as { [index in keyof T]: z.output<T[index]> }
}

/** An integer as JSON-RPC writes it. */
export function hexQuantity(value: bigint | number): Hex {
  return `0x${value.toString(16)}`
}
