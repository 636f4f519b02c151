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
  readonly evm: { readonly deployedBytecode: { readonly object: string } }
}

interface Output {
  readonly errors?: readonly { readonly severity: string; readonly formattedMessage: string }[]
  readonly contracts: Readonly<Record<string, Readonly<Record<string, Compiled>>>>
}

/** A call of a contract without state: what it returns, and the gas of execution. Throws where it reverts. */
export type Call = (
  input: Uint8Array,
) => Promise<{ readonly output: Uint8Array; readonly gas: number }>

/** Runs code in a machine of its own, with as much gas as it wants. */
export async function callerOf(code: Uint8Array): Promise<Call> {
  const common = new Common({ chain: Mainnet, hardfork: Hardfork.Cancun })
  const evm = await createEVM({ common })
  return async (input) => {
    const ran = await evm.runCode({ code, data: input, gasLimit: 2n ** 62n })
    if (ran.exceptionError) {
      const returned = Buffer.from(ran.returnValue).toString('hex')
      throw new Error(`${ran.exceptionError.error} 0x${returned}`)
    }
    return { output: ran.returnValue, gas: Number(ran.executionGasUsed) }
  }
}

/**
 * Code of one contract of `contracts/`, compiled with the settings of the deployed ones, without a build of all
 * others. The contract has no immutables.
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
      outputSelection: { [path]: { '*': ['evm.deployedBytecode.object'] } },
    },
  }
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: sourceOf })) as Output
  const failures = (output.errors ?? []).filter(({ severity }) => severity === 'error')
  if (failures.length > 0) throw new Error(failures.map((one) => one.formattedMessage).join('\n'))
  const name = path.split('/').at(-1)?.replace('.sol', '') ?? ''
  const compiled = output.contracts[path]?.[name] as Compiled
  return fromHex(`0x${compiled.evm.deployedBytecode.object}`)
}
