import { AppError } from '#base/error.ts'

/** One thing a command tells. In JSON mode it is a line of its own, in text mode the text is printed. */
export type OutputEvent = { readonly event: string } & Readonly<Record<string, unknown>>

/** Where commands print: standard output, as text or as NDJSON. */
export interface Output {
  readonly isJson: boolean
  /** Prints the event in JSON mode, `text` in text mode; without a text the event shows in JSON only. */
  print(event: OutputEvent, text?: string): void
  /** Prints a part of a line in text mode, nothing in JSON mode. */
  write(text: string): void
  /** Prints a failure: to standard error as text, and as an event in JSON mode. */
  fail(error: unknown): void
}

interface Sink {
  write(text: string): unknown
}

/** Creates an output over two streams; `isJson` is asked at each call, when flags have been read. */
export function createOutput(streams: { out: Sink; err: Sink }, isJson: () => boolean): Output {
  return {
    get isJson() {
      return isJson()
    },
    print(event, text) {
      if (isJson()) streams.out.write(`${jsonLine(event)}\n`)
      else if (text !== undefined) streams.out.write(`${text}\n`)
    },
    write(text) {
      if (!isJson()) streams.out.write(text)
    },
    fail(error) {
      streams.err.write(`${failureText(error)}\n`)
      if (isJson()) streams.out.write(`${jsonLine({ event: 'error', ...failureFields(error) })}\n`)
    },
  }
}

/** One line of JSON; amounts (bigint) become decimal strings. */
export function jsonLine(value: object): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'bigint' ? inner.toString() : inner,
  )
}

function failureText(error: unknown): string {
  if (!(error instanceof AppError)) {
    return `defect: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`
  }
  const text = error.message.startsWith(error.code)
    ? error.message
    : `${error.code}: ${error.message}`
  return `error ${text}`
}

function failureFields(error: unknown): Record<string, unknown> {
  if (error instanceof AppError) return { ...error.fields, message: error.message }
  return { code: 'DEFECT', message: error instanceof Error ? error.message : String(error) }
}
