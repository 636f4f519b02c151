import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { Common, Hardfork, Mainnet } from '@ethereumjs/common'
import { createEVM } from '@ethereumjs/evm'
import { fromHex } from '#base/hex.ts'
import { root } from '#scripts/tools.ts'

interface Compiler {
  compile(input: string, callbacks: { import: (path: string) => { contents: string } }): string
}

interface Compiled {
  readonly evm: { readonly bytecode: { readonly object: string } }
}

interface Output {
  readonly errors?: readonly { readonly severity: string; readonly formattedMessage: string }[]
  readonly contracts: Readonly<Record<string, Readonly<Record<string, Compiled>>>>
}

/** A call of a contract without state: what it returns, and the gas of execution. Throws `Reverted`. */
export type Call = (
  input: Uint8Array,
) => Promise<{ readonly output: Uint8Array; readonly gas: number }>

/** Why a call ended without a result. */
export class Reverted extends Error {
  readonly output: Uint8Array
  constructor(reason: string, output: Uint8Array) {
    super(`${reason} 0x${Buffer.from(output).toString('hex')}`)
    this.output = output
  }
}

/** Runs what creation code leaves in a machine of its own, with as much gas as it wants. */
export async function callerOf(creationCode: Uint8Array): Promise<Call> {
  const common = new Common({ chain: Mainnet, hardfork: Hardfork.Cancun })
  const evm = await createEVM({ common })
  const gasLimit = 2n ** 62n
  const { returnValue: code } = await evm.runCode({ code: creationCode, gasLimit })
  return async (input) => {
    const ran = await evm.runCode({ code, data: input, gasLimit })
    if (ran.exceptionError) throw new Reverted(ran.exceptionError.error, ran.returnValue)
    return { output: ran.returnValue, gas: Number(ran.executionGasUsed) }
  }
}

/**
 * Creation code of one contract of `contracts/`, compiled with the settings of the deployed ones, without a build of all
 * others. Its constructor takes nothing.
 */
export function codeOf(path: string): Uint8Array {
  const solc = createRequire(import.meta.url)('solc') as Compiler
  const sourceOf = (file: string) => ({
    contents: readFileSync(join(root, file.startsWith('@') ? 'node_modules' : '', file), 'utf8'),
  })
  const input = {
    language: 'Solidity',
    sources: { [path]: { content: sourceOf(path).contents } },
    settings: {
      evmVersion: 'cancun',
      optimizer: { enabled: true, runs: 2000 },
      metadata: { bytecodeHash: 'none' },
      viaIR: true,
      outputSelection: { [path]: { '*': ['evm.bytecode.object'] } },
    },
  }
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: sourceOf })) as Output
  const failures = (output.errors ?? []).filter(({ severity }) => severity === 'error')
  if (failures.length > 0) throw new Error(failures.map((one) => one.formattedMessage).join('\n'))
  const name = path.split('/').at(-1)?.replace('.sol', '') ?? ''
  const compiled = output.contracts[path]?.[name] as Compiled
  return fromHex(`0x${compiled.evm.bytecode.object}`)
}
