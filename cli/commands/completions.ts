import tab from '@bomb.sh/tab/commander'
import type { Command } from 'commander'

/** `quern completions <shell>` prints the script that completes commands and flags. Registered last. */
export function register(program: Command): void {
  tab(program, { completionCommandName: 'completions' })
}
