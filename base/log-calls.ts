import type { Calls } from './calls.ts'
import type { Logger } from './log.ts'

type Level = 'debug' | 'info' | 'warn' | 'error'

/** A logger whose lines the thread at the other end of the channel writes. */
export function tellingLogger({ tell }: Pick<Calls, 'tell'>): Logger {
  const at = (level: Level) => (fields: object, text?: string) => tell('log', [level, fields, text])
  const own: Logger = {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: () => own,
  }
  return own
}

/** What the other end does with them: the answer to `log`. */
export function hearingLog(logger: Logger): (args: readonly unknown[]) => void {
  return ([level, fields, text]) =>
    logger[level as Level](fields as object, text as string | undefined)
}
