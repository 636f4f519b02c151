import { AppError } from '#base/error.ts'

const missingNames = new Set([
  'TimeoutError',
  'AbortError',
  'LoadBlockFailedError',
  'NotFoundError',
])

/** What reading an artifact failed with, as one of our codes. */
export function artifactError(error: unknown, artifact: string, signal?: AbortSignal): unknown {
  if (signal?.aborted) return signal.reason
  if (error instanceof AppError) return error
  if (error instanceof Error && missingNames.has(error.name)) {
    const message = `no peer that can be reached has ${artifact}`
    const fields = { code: 'ARTIFACT_MISSING', artifact, retryable: true, message }
    return new AppError(fields, { cause: error })
  }
  return new AppError({ code: 'ARTIFACT_INVALID', artifact }, { cause: error })
}
