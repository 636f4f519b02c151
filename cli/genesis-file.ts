import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { AppError } from '#base/error.ts'
import { type GenesisInput, parseGenesis } from '#chain/core/genesis.ts'
import { writeFileAtomic } from './data-dir.ts'

const genesisFileName = 'genesis.json'
/** The key by which peers know a node. */
export const peerKeyFileName = 'peer.key'
const sizeBytesMax = 67_108_864

/** The genesis that `quern node init` put into a data directory. Throws GENESIS_INVALID. */
export function readGenesisFile(dataDir: string): GenesisInput | undefined {
  const path = join(dataDir, genesisFileName)
  return existsSync(path) ? readGenesis(path) : undefined
}

/** A genesis from a JSON file. Throws GENESIS_INVALID, GENESIS_MISSING. */
export function readGenesis(path: string): GenesisInput {
  if (!existsSync(path)) {
    throw new AppError({ code: 'GENESIS_MISSING', path, message: `there is no file ${path}` })
  }
  const bytes = readFileSync(path)
  if (bytes.length > sizeBytesMax) throw invalid(path, 'the file is too large')
  let value: unknown
  try {
    value = JSON.parse(bytes.toString('utf8'))
  } catch {
    throw invalid(path, 'not JSON')
  }
  try {
    parseGenesis(value)
  } catch (error) {
    throw error instanceof AppError ? new AppError(namedBy(path, error), { cause: error }) : error
  }
  return value as GenesisInput // amounts stay the texts that they are in JSON
}

/** Puts a genesis into a data directory. Throws GENESIS_MISMATCH where another one is there. */
export function keepGenesis(dataDir: string, genesis: GenesisInput): void {
  const text = `${JSON.stringify(genesis, undefined, 2)}\n`
  const path = join(dataDir, genesisFileName)
  if (existsSync(path)) {
    if (readFileSync(path, 'utf8') === text) return
    const message = `${path} is another genesis; a data directory belongs to one chain`
    throw new AppError({ code: 'GENESIS_MISMATCH', path, message })
  }
  writeFileAtomic(path, text)
}

/** The same failure, with the file in which it was found. */
function namedBy(path: string, { fields, message }: AppError) {
  return { ...fields, path, message: `${path}: ${message.replace(/^[A-Z_]+: (problem=)?/, '')}` }
}

function invalid(path: string, problem: string): AppError {
  return new AppError({ code: 'GENESIS_INVALID', path, problem, message: `${path}: ${problem}` })
}
