/** Fields every application error carries: a stable code, and whether trying again can help. */
export type ErrorFields = { readonly code: string; readonly retryable?: boolean } & Readonly<
  Record<string, unknown>
>

/**
 * The world failed: a peer, a file, a user's input. Tests and callers look at `code`, never at the text.
 * Bugs of our own are asserted instead (`base/assert.ts`); expected outcomes are returned values.
 */
export class AppError extends Error {
  readonly code: string
  readonly retryable: boolean
  readonly fields: ErrorFields

  constructor(fields: ErrorFields & { readonly message?: string }, options?: ErrorOptions) {
    super(fields.message ?? describe(fields), options)
    this.name = 'AppError'
    this.code = fields.code
    this.retryable = fields.retryable ?? false
    this.fields = fields
  }
}

/** The error's code where it is one of ours, else undefined. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof AppError ? error.code : undefined
}

function describe(fields: ErrorFields): string {
  const rest = Object.entries(fields)
    .filter(([key]) => key !== 'code' && key !== 'retryable')
    .map(([key, value]) => `${key}=${typeof value === 'string' ? value : format(value)}`)
  return rest.length === 0 ? fields.code : `${fields.code}: ${rest.join(' ')}`
}

function format(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'bigint' ? inner.toString() : inner,
  )
}
