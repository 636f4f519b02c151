import type { Command } from 'commander'
import { devChainId } from '#wire/addresses.ts'
import { addSettingFlags } from '../configuration.ts'
import type { Context } from '../context.ts'

/** `quern node init|start`: the chain with its JSON-RPC, and the peer that others meet first. */
export function register(program: Command, context: Context): void {
  const node = program.command('node').description('run a node of the chain')
  addSettingFlags(node.command('init'), ['passwordFile'])
    .description('give the data directory a chain, and print what others need to know of this node')
    .option('--genesis <file>', 'the chain’s genesis as JSON')
    .option('--validator <account>', 'print this account’s entry for a genesis')
    .option(
      '--client-genesis <file>',
      'write the chain of --genesis as execution clients read it (geth init)',
    )
    .option('--chain-id <id>', 'the chain of that account, without --genesis', String(devChainId))
    .action(async (_flags: object, command: Command) => {
      const { initNode } = await import('../node-init.ts')
      await initNode(context, command)
    })
  addSettingFlags(node.command('start'), [
    'rpcPort',
    'p2pPort',
    'metricsPort',
    'keepBlocks',
    'passwordFile',
    'logLevel',
  ])
    .description('start a node: of the chain of "node init", else of the development chain')
    .option(
      '--validator <account>',
      'take part in consensus as this account (a name, or dev:<index>)',
    )
    .option(
      '--leader <account...>',
      'make the blocks that their work won: operators of workers with a leader’s seat',
    )
    .option(
      '--bootstrap <address...>',
      'nodes to meet first, as multiaddresses with their peer ids',
    )
    .option(
      '--trust <hash>',
      'begin with a snapshot: a consensus root or block hash of the chain, or a network.json that names one',
    )
    .option('--archive', 'keep all blocks and all states')
    .option(
      '--engine <url>',
      'let an execution client judge every block too: the address of its Engine API',
    )
    .option('--jwt <file>', 'the secret of its Engine API: 32 bytes as hex')
    .action(async (_flags: object, command: Command) => {
      const { startNode } = await import('../node-daemon.ts')
      await startNode(context, command)
    })
}
