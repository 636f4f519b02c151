import { randomBytes } from 'node:crypto'
import { toHex } from '#base/hex.ts'
import { openVoteLog } from '#chain/node/consensus/vote-log.ts'
import { openLevelStore } from '#store/level.ts'

// Begins at the first view each time and signs for a new block in each, printing what leaves; to be killed.
const log = await openVoteLog(await openLevelStore(process.argv[2] ?? ''))
for (let view = 0; ; view += 1) {
  const block = toHex(randomBytes(32))
  for (const kind of ['notarize', 'finalize'] as const) {
    const vote = { kind, epoch: 0, view, block, voter: 0 }
    const outcome = await log.sign({ kind: 'vote', vote }, () => toHex(randomBytes(96)))
    if (outcome.kind === 'signed') process.stdout.write(`${kind} ${view} ${block}\n`)
  }
}
