import { AppError } from '#base/error.ts'

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
  FLAG_INVALID: exitCodes.usage,
  AMOUNT_INVALID: exitCodes.usage,
  ADDRESS_INVALID: exitCodes.usage,
  JOB_ID_INVALID: exitCodes.usage,
  OPTION_UNFIT: exitCodes.usage,
  ACCOUNT_NAME_INVALID: exitCodes.usage,
  CONFIRMATION_MISSING: exitCodes.usage,
  NOT_EXACT: exitCodes.usage,
  BACKEND_UNKNOWN: exitCodes.usage,
  TRUST_INVALID: exitCodes.usage,
  TRUST_MISSING: exitCodes.usage,
  ENGINE_FLAGS: exitCodes.usage,
  JWT_SECRET_INVALID: exitCodes.usage,
  TRUST_UNKNOWN: exitCodes.mismatch,
  INPUT_INVALID: exitCodes.input,
  INPUT_UNFIT: exitCodes.input,
  NETWORK_FILE_INVALID: exitCodes.input,
  GENESIS_INVALID: exitCodes.input,
  GENESIS_MISSING: exitCodes.input,
  RPC_DOWN: exitCodes.unreachable,
  WRONG_CHAIN: exitCodes.unreachable,
  NETWORK_FILE_MISSING: exitCodes.unreachable,
  NODE_UNFIT: exitCodes.unreachable,
  ARTIFACT_MISSING: exitCodes.unreachable,
  BLOCK_MISSING: exitCodes.unreachable,
  PEER_TIMEOUT: exitCodes.unreachable,
  PEER_UNREACHABLE: exitCodes.unreachable,
  ARTIFACT_INVALID: exitCodes.mismatch,
  VERIFY_FAILED: exitCodes.mismatch,
  CHECKPOINT_MISMATCH: exitCodes.mismatch,
  LIGHT_MISMATCH: exitCodes.mismatch,
  FINALITY_INVALID: exitCodes.mismatch,
  HANDOFF_INVALID: exitCodes.mismatch,
  PROOF_INVALID: exitCodes.mismatch,
  DATA_DIR_LOCKED: exitCodes.locked,
  WRONG_PASSWORD: exitCodes.password,
  PASSWORD_MISSING: exitCodes.password,
  INTERRUPTED: exitCodes.interrupted,
  STOPPED: exitCodes.interrupted,
}

/** The exit code of a failure: by its error code, 1 for other errors of ours, 70 for a defect. */
export function exitCodeOf(error: unknown): ExitCode {
  if (!(error instanceof AppError)) return exitCodes.defect
  const { code, fields } = error
  const known = exitByError[code]
  if (known !== undefined) return known
  // Readers name the user's file in whatever is wrong with it.
  if (code.startsWith('FILE_') || typeof fields['file'] === 'string') return exitCodes.input
  return /_(DIFFERS|ALTERED)$/.test(code) ? exitCodes.mismatch : exitCodes.failed
}
