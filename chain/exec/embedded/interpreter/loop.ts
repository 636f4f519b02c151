// oxlint-disable no-underscore-dangle -- the names are the stock interpreter's
import type { Common } from '@ethereumjs/common'
import { type EVM, EVMError, createEVM } from '@ethereumjs/evm'
import { assert } from '#base/assert.ts'
import { gasBetweenPauses, pause } from '../pauses.ts'
import { arithmetic } from './arithmetic.ts'
import { flow } from './flow.ts'
import {
  type Analysis,
  type Instruction,
  type StockState,
  analyse,
  frameGasMax,
  openFrame,
  readBack,
  writeOut,
} from './frame.ts'
import { memory } from './memory.ts'

/** The stock interpreter of one call, with the members that the loop uses. */
interface StockInterpreter {
  readonly _evm: EVM
  readonly _runState: StockState
  runStep(): Promise<void>
}

interface RunResult {
  readonly runState: StockState
  readonly exceptionError: EVMError | undefined
}

type Run = (code: Uint8Array, options?: { readonly pc?: number }) => Promise<RunResult>

interface StockPrototype {
  run(this: StockInterpreter, ...args: Parameters<Run>): Promise<RunResult>
}

/** One entry for each code of an instruction. */
type Instructions = readonly (Instruction | undefined)[]

const instructionsOf = new WeakMap<EVM, Instructions>()
const analyses = new WeakMap<Uint8Array, Analysis>()
let patched: Promise<void> | undefined

/**
 * Makes one machine run its code in our loop: instructions on the stack, memory and control flow run one after
 * another without a promise between them; all others, and whatever fails, run in the stock interpreter's step.
 * While somebody listens to steps, the stock loop runs. Other machines of the process stay as they are.
 */
export async function useFastLoop(evm: EVM): Promise<void> {
  patched ??= patch(evm.common)
  await patched
  instructionsOf.set(evm, createInstructions(evm))
}

/** The interpreter's class is not exported: an instruction of a scratch machine meets an instance of it. */
async function patch(common: Common): Promise<void> {
  let prototype: StockPrototype | undefined
  const opcode = {
    opcode: 0x0c,
    opcodeName: 'MEET',
    baseFee: 0,
    logicFunction: ({ interpreter }: { interpreter: object }) => {
      prototype = Object.getPrototypeOf(interpreter) as StockPrototype
    },
  }
  const scratch = await createEVM({ common, customOpcodes: [opcode] })
  await scratch.runCode({ code: Uint8Array.of(0x0c), gasLimit: 1n })
  assert(prototype, 'the interpreter shows itself')
  const stock = prototype.run
  prototype.run = function run(code, options) {
    const instructions = instructionsOf.get(this._evm)
    const isWatched = this._evm.events.listenerCount('step') > 0
    const isFast = instructions !== undefined && !isWatched && options?.pc === undefined
    if (!isFast || this._runState.gasLeft > frameGasMax) return stock.call(this, code, options)
    return runFast(this, code, instructions)
  }
}

function createInstructions({ opcodes, common }: EVM): Instructions {
  const feeOf = (op: number) => {
    const opcode = opcodes.get(op)
    assert(opcode, 'our instructions are part of the rules')
    return Number(opcode.feeBigInt)
  }
  const prices = {
    memoryGas: Number(common.param('memoryGas')),
    quadraticDivisor: Number(common.param('quadCoefficientDivGas')),
    keccakWordGas: Number(common.param('keccak256WordGas')),
  }
  const { keccak256 } = common.customCrypto
  assert(keccak256, 'the chain brings its hash')
  const made = new Map([
    ...arithmetic(feeOf),
    ...flow(feeOf),
    ...memory(feeOf, { ...prices, keccak256 }),
  ])
  return Array.from({ length: 256 }, (_, op) => made.get(op))
}

async function runFast(
  interpreter: StockInterpreter,
  code: Uint8Array,
  instructions: Instructions,
): Promise<RunResult> {
  const state = interpreter._runState
  const analysis = analysisOf(code)
  state.code = code
  state.validJumps = analysis.jumps
  const frame = openFrame(state, analysis)
  let pauseAtGas = frame.gas - gasBetweenPauses // what a called frame used counts when it returns
  try {
    while (frame.pc < code.length) {
      if (frame.gas < pauseAtGas) {
        await pause()
        pauseAtGas = frame.gas - gasBetweenPauses
      }
      const op = code[frame.pc] as number
      if (instructions[op]?.(frame) === true) continue
      writeOut(frame)
      state.opCode = op
      await interpreter.runStep()
      readBack(frame)
    }
  } catch (error) {
    if (!(error instanceof EVMError)) throw error
    const isStop = error.error === EVMError.errorMessages.STOP
    return { runState: state, exceptionError: isStop ? undefined : error }
  }
  writeOut(frame)
  return { runState: state, exceptionError: undefined }
}

function analysisOf(code: Uint8Array): Analysis {
  let analysis = analyses.get(code)
  if (analysis === undefined) analyses.set(code, (analysis = analyse(code)))
  return analysis
}
