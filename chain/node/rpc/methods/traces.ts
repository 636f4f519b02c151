import { z } from 'zod'
import { type Hex, toHex } from '#base/hex.ts'
import { chainLimits } from '#chain/core/limits.ts'
import type { Payload } from '#chain/core/payload.ts'
import type { Ran } from '#chain/exec/embedded/replay.ts'
import { type CallFrame, createCallWatcher } from '#chain/exec/embedded/watch-calls.ts'
import { createStateWatcher } from '#chain/exec/embedded/watch-state.ts'
import { createStepWatcher } from '#chain/exec/embedded/watch-steps.ts'
import { type RpcContext, type RpcMethods, canonical, findBlock } from '../context.ts'
import { revertReason, serverError } from '../errors.ts'
import { differencesJson, statesJson } from '../state-json.ts'
import { blockParam, hash, hexQuantity, parse } from '../params.ts'

const tracers = ['callTracer', 'prestateTracer'] as const
const traceParam = z
  .object({
    tracer: z
      .enum(tracers, `the tracers are ${tracers.join(', ')}, and none for every step`)
      .nullish(),
    tracerConfig: z
      .object({
        onlyTopCall: z.boolean().nullish(),
        withLog: z.boolean().nullish(),
        diffMode: z.boolean().nullish(),
        disableCode: z.boolean().nullish(),
        disableStorage: z.boolean().nullish(),
      })
      .nullish(),
    enableMemory: z.boolean().nullish(),
    disableStack: z.boolean().nullish(),
    disableStorage: z.boolean().nullish(),
  })
  .nullish()
type TraceParam = z.infer<typeof traceParam>

/** What transactions of finalised blocks did, step by step or as a tree of calls. */
export function traceMethods({ chain, replayer, decode }: RpcContext): RpcMethods {
  async function trace(payload: Payload, indices: readonly number[], param: TraceParam) {
    const gasLimits = indices.map((index) => {
      return decode(payload.transactions[index] as Uint8Array).tx.gasLimit
    })
    if (param?.tracer === 'callTracer') {
      const { framesMax } = { framesMax: chainLimits.traceFramesMax }
      const runs = await replayer.replay(payload, indices, () => createCallWatcher({ framesMax }))
      return runs.map(({ watcher, outcome }, i) => {
        const root = watcher.root() as CallFrame
        return callJson(
          { ...root, gas: gasLimits[i] as bigint, gasUsed: outcome.gasUsed },
          {
            isInner: param.tracerConfig?.onlyTopCall !== true,
            withLog: param.tracerConfig?.withLog === true,
          },
        )
      })
    }
    if (param?.tracer === 'prestateTracer') return traceStates(payload, indices, param)
    const runs = await replayer.replay(payload, indices, () => createStepWatcher(optionsOf(param)))
    return runs.map(({ watcher, outcome }) => stepsJson(watcher.steps, outcome))
  }

  async function traceStates(payload: Payload, indices: readonly number[], param: TraceParam) {
    const { diffMode, disableCode, disableStorage } = param?.tracerConfig ?? {}
    const runs = await replayer.replay(payload, indices, () =>
      createStateWatcher({
        withCode: disableCode !== true,
        withStorage: disableStorage !== true,
        bytesMax: chainLimits.traceBytesMax,
        always: [payload.header.feeRecipient],
      }),
    )
    const toJson = diffMode === true ? differencesJson : statesJson
    return runs.map(({ watcher }) => toJson(watcher.touched()))
  }

  async function traceBlock(payload: Payload | undefined, param: TraceParam) {
    if (payload === undefined) throw serverError('block not found')
    const hashes = chain.receipts(payload).map(({ transactionHash }) => transactionHash)
    const results = await trace(payload, [...payload.transactions.keys()], param)
    return results.map((result, i) => ({ txHash: hashes[i], result }))
  }

  return {
    async debug_traceTransaction(params) {
      const [transactionHash, param] = parse(params, hash, traceParam)
      const place = chain.place(transactionHash)
      const payload = place === undefined ? undefined : chain.byNumber(place.number)
      if (place === undefined || payload === undefined) throw serverError('transaction not found')
      return (await trace(payload, [place.index], param))[0]
    },
    debug_traceBlockByNumber(params) {
      const [at, param] = parse(params, blockParam, traceParam)
      return traceBlock(findBlock(chain, at), param)
    },
    debug_traceBlockByHash(params) {
      const [blockHash, param] = parse(params, hash, traceParam)
      return traceBlock(canonical(chain, blockHash), param)
    },
  }
}

function optionsOf(param: TraceParam) {
  return {
    withMemory: param?.enableMemory === true,
    withStack: param?.disableStack !== true,
    withStorage: param?.disableStorage !== true,
    stepsMax: chainLimits.traceStepsMax,
    bytesMax: chainLimits.traceBytesMax,
  }
}

function stepsJson(structLogs: readonly object[], { gasUsed, result }: Ran) {
  const { exceptionError, returnValue } = result.execResult
  return {
    gas: Number(gasUsed),
    failed: exceptionError !== undefined,
    returnValue: toHex(returnValue),
    structLogs,
  }
}

interface CallShape {
  /** Whether the messages inside are shown. */
  readonly isInner: boolean
  readonly withLog: boolean
}

function callJson(frame: CallFrame, shape: CallShape): object {
  const { type, from, to, gas, gasUsed, input, output, error, valueWei } = frame
  const failed = error !== undefined
  const inner = shape.isInner
    ? frame.calls.map((call) => callJson(call, { ...shape, withLog: shape.withLog && !failed }))
    : []
  const reason = failed ? revertReason(output) : undefined
  return {
    type,
    from,
    ...(to === undefined ? {} : { to }),
    ...(type === 'STATICCALL' ? {} : { value: hexQuantity(valueWei) }),
    gas: hexQuantity(gas),
    gasUsed: hexQuantity(gasUsed),
    input: toHex(input),
    ...(output.length === 0 ? {} : { output: toHex(output) }),
    ...(failed ? { error: error === 'revert' ? 'execution reverted' : error } : {}),
    ...(reason === undefined ? {} : { revertReason: reason }),
    ...(inner.length === 0 ? {} : { calls: inner }),
    ...(shape.withLog && !failed && frame.logs.length > 0 ? { logs: frame.logs.map(logJson) } : {}),
  }
}

function logJson({ address, topics, payload }: CallFrame['logs'][number]) {
  return {
    address: toHex(address),
    topics: topics.map((topic): Hex => toHex(topic)),
    data: toHex(payload),
  }
}
