/** The part of pino's logger that services use: typed fields first, then a fixed text. */
export interface Logger {
  debug(fields: object, text?: string): void
  info(fields: object, text?: string): void
  warn(fields: object, text?: string): void
  error(fields: object, text?: string): void
  child(fields: Record<string, unknown>): Logger
}

/** A logger that writes nothing. */
export const noopLogger: Logger = {
  debug: ignore,
  info: ignore,
  warn: ignore,
  error: ignore,
  child: () => noopLogger,
}

function ignore(): void {}
