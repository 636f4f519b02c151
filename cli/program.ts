import { readdirSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { AppError } from '#base/error.ts'
import { type Context, type Register, createContext } from './context.ts'
import { type ExitCode, exitCodeOf, exitCodes } from './exit-codes.ts'

/** Commands whose work needs every other command registered first. */
const needsAll = ['completions', 'complete']

/** Parses the command line, runs the command and says with which code to exit. */
export async function runProgram(argv: readonly string[], version: string): Promise<ExitCode> {
  const program = new Command('quern')
    .description('A market for training models, and the chain whose useful work it is.')
    .version(version)
    .option('--json', 'print one JSON object a line')
    .option('--data-dir <path>', 'where keys, chain and artifacts are kept (QUERN_HOME)')
    .showHelpAfterError('(add --help for what there is)')
    .exitOverride()
  const context = createContext(program)
  try {
    await registerCommands(program, context, commandOf(argv))
    await program.parseAsync([...argv], { from: 'user' })
    return process.exitCode === undefined ? exitCodes.done : (process.exitCode as ExitCode)
  } catch (error) {
    return failWith(error, context)
  }
}

async function registerCommands(
  program: Command,
  context: Context,
  wanted: string | undefined,
): Promise<void> {
  const names = commandNames()
  const isAlone = wanted !== undefined && names.includes(wanted) && !needsAll.includes(wanted)
  const load = isAlone
    ? [wanted]
    : [...names.filter((name) => !needsAll.includes(name)), 'completions']
  for (const name of load) {
    const loaded = (await import(`./commands/${name}.ts`)) as { register: Register }
    loaded.register(program, context)
  }
}

/** The commands are the files of `commands/`, so that one more file is one more command. */
function commandNames(): readonly string[] {
  return readdirSync(new URL('commands/', import.meta.url))
    .filter((file) => file.endsWith('.ts'))
    .map((file) => file.slice(0, -3))
}

function commandOf(argv: readonly string[]): string | undefined {
  return argv.find((word, i) => !word.startsWith('-') && argv[i - 1] !== '--data-dir')
}

function failWith(error: unknown, context: Context): ExitCode {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return exitCodes.done // help or version was printed
    const message = error.message.replace(/^error: /, '')
    if (context.output.isJson) context.output.print({ event: 'error', code: 'USAGE', message })
    return exitCodes.usage
  }
  const exitCode = exitCodeOf(error)
  if (exitCode !== exitCodes.interrupted) context.output.fail(explained(error))
  return context.stopping.aborted ? exitCodes.interrupted : exitCode
}

/** A call that no node answered knows its name, but not what its user may do. */
function explained(error: unknown): unknown {
  if (!(error instanceof AppError) || error.code !== 'RPC_DOWN') return error
  if (error.fields['message'] !== undefined) return error
  const message =
    'the node does not answer, or not in time; "quern status" says whether one runs, --rpc-url names another'
  return new AppError({ ...error.fields, message }, { cause: error })
}
