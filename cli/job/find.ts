import { AppError } from '#base/error.ts'
import type { JobFeed } from '#chain/client/feed.ts'
import type { JobView } from '#chain/client/view.ts'
import { type Hex, hash32 } from '#wire/primitives.ts'

/** A job id as typed. Throws JOB_ID_INVALID. */
export function jobIdOfText(text: string): Hex {
  const parsed = hash32.safeParse(text.toLowerCase())
  if (parsed.success) return parsed.data
  const message = `"${text}" is no job id: 0x and 64 hex digits; "quern job list" shows them`
  throw new AppError({ code: 'JOB_ID_INVALID', text, message })
}

/** The job's view. Throws JOB_UNKNOWN. */
export function viewOf(feed: JobFeed, jobId: Hex): JobView {
  const view = feed.job(jobId)
  if (view !== undefined) return view
  const message = 'no such job on this chain; "quern job list" shows what there is'
  throw new AppError({ code: 'JOB_UNKNOWN', jobId, message })
}
