import type { Command } from 'commander'
import type { Context } from '../context.ts'
import { withClient } from './client-session.ts'
import { jobIdOfText, viewOf } from './find.ts'

/** `quern job cancel`. */
export async function cancelJob(context: Context, command: Command, text: string): Promise<void> {
  await withClient(context, command, async ({ feed, transactor }) => {
    const { jobId, terms } = viewOf(feed, jobIdOfText(text))
    const { hash, blockNumber } = await transactor.send('JobManager', 'cancel', [terms])
    const fields = { event: 'cancelled', jobId, transaction: hash, block: blockNumber }
    context.output.print(
      fields,
      `cancelled in block ${blockNumber}; the escrow is back on your balance`,
    )
  })
}
