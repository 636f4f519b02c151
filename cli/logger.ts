import { type DestinationStream, pino } from 'pino'
import type { Logger } from '#base/log.ts'
import type { Settings } from './configuration.ts'

/** A JSON logger on standard output, one line an event; amounts are written as decimal strings. */
export function createLogger(
  options: { readonly name: string; readonly level: Settings['logLevel'] },
  destination: DestinationStream = process.stdout,
): Logger {
  return pino(
    {
      name: options.name,
      level: options.level,
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
