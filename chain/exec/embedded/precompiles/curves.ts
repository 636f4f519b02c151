import { type EVM, type EVMBLSInterface, type EVMBN254Interface, MCLBLS } from '@ethereumjs/evm'
import { createBn254 } from './bn254.ts'
import { openBls, openBn254 } from './mcl.ts'
import { type PointSums, loadPointSums } from './point-sums.ts'

/** The curves behind the precompiles, in WebAssembly and, where there is an add-on, in machine code. */
interface Curves {
  readonly bls: EVMBLSInterface
  readonly bn254: EVMBN254Interface
}

let loaded: Promise<Curves> | undefined

/** Loads the curves once for the process. */
export function loadCurves(): Promise<Curves> {
  loaded ??= load()
  return loaded
}

async function load(): Promise<Curves> {
  const bls = new MCLBLS(await openBls())
  bls.init()
  const sums = await loadPointSums()
  const bn254 = createBn254(await openBn254())
  return { bls: sums === undefined ? bls : withSums(bls, sums), bn254 }
}

function withSums(bls: MCLBLS, sums: PointSums): EVMBLSInterface {
  return {
    addG1: (input) => sums.addG1(input) ?? bls.addG1(input),
    addG2: (input) => sums.addG2(input) ?? bls.addG2(input),
    mapFPtoG1: (input) => bls.mapFPtoG1(input),
    mapFP2toG2: (input) => bls.mapFP2toG2(input),
    msmG1: (input) => bls.msmG1(input),
    msmG2: (input) => bls.msmG2(input),
    pairingCheck: (input) => bls.pairingCheck(input),
  }
}

/** Gives a machine a curve that the package's own option for it does not reach (10.1.3). */
export function useBn254(evm: EVM, bn254: EVMBN254Interface): void {
  Object.assign(evm, { _bn254: bn254 })
}
