import { codeOf } from '#base/error.ts'

/** What a shell sees. The README's table is this one. */
export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  /** A file of the user's cannot be used: missing column, ragged rows, wrong format. */
  input: 3,
  /** A node, peer or artifact cannot be reached, or is on another chain. */
  unreachable: 4,
  /** What was verified is not what was claimed. */
  mismatch: 5,
  /** Another process owns the data directory. */
  locked: 6,
  /** The password is wrong or missing. */
  password: 7,
  /** A defect of this program. */
  defect: 70,
  interrupted: 130,
} as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

const exitByError: Readonly<Record<string, ExitCode>> = {
  USAGE: exitCodes.usage,
  CONFIG_INVALID: exitCodes.usage,
  RPC_DOWN: exitCodes.unreachable,
  WRONG_CHAIN: exitCodes.unreachable,
  NETWORK_FILE_MISSING: exitCodes.unreachable,
  ARTIFACT_MISSING: exitCodes.unreachable,
  PEER_TIMEOUT: exitCodes.unreachable,
  ARTIFACT_ALTERED: exitCodes.mismatch,
  VERIFY_FAILED: exitCodes.mismatch,
  DATA_DIR_LOCKED: exitCodes.locked,
  WRONG_PASSWORD: exitCodes.password,
  PASSWORD_MISSING: exitCodes.password,
}

/** The exit code of a failure: by its error code, 1 for other errors of ours, 70 for a defect. */
export function exitCodeOf(error: unknown): ExitCode {
  const code = codeOf(error)
  if (code === undefined) return exitCodes.defect
  if (/^(FILE|CSV|TSV|JSONL|IDX|NPY|NPZ|TABLE|COLUMN|INPUT)_/.test(code)) return exitCodes.input
  return exitByError[code] ?? exitCodes.failed
}
