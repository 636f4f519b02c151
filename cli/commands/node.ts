import type { Command } from 'commander'
import { addSettingFlags } from '../configuration.ts'
import type { Context } from '../context.ts'

/** `quern node start`: the chain with its JSON-RPC, and the peer that others meet first. */
export function register(program: Command, context: Context): void {
  const node = program.command('node').description('run a node of the chain')
  addSettingFlags(node.command('start'), ['rpcPort', 'p2pPort', 'metricsPort', 'logLevel'])
    .description('start a node of the development chain')
    .action(async (_flags: object, command: Command) => {
      const { startNode } = await import('../node-daemon.ts')
      await startNode(context, command)
    })
}
