import { pino } from 'pino'
import type { Logger } from '#base/log.ts'
import type { Settings } from './configuration.ts'

/**
 * A JSON logger, one line an event, on standard output or at the end of the file `path`. Amounts are
 * written as decimal strings, secrets not at all.
 */
export function createLogger(options: {
  readonly name?: string
  readonly level: Settings['logLevel']
  readonly path?: string
}): Logger {
  const { name = 'quern', level, path } = options
  // Written at once: the lines before a kill are the ones that matter.
  const destination = pino.destination({ dest: path ?? 1, mkdir: true, sync: true, mode: 0o600 })
  return pino(
    {
      name,
      level,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: plainFields },
      redact: { paths: ['privateKey', 'password', '*.privateKey', '*.password'], remove: true },
    },
    destination,
  )
}

function plainFields(fields: Record<string, unknown>): Record<string, unknown> {
  const entries = Object.entries(fields)
  if (!entries.some(([, value]) => typeof value === 'bigint')) return fields
  return Object.fromEntries(
    entries.map(([key, value]) => [key, typeof value === 'bigint' ? value.toString() : value]),
  )
}
