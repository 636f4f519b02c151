import { randomBytes } from 'node:crypto'
import { toHex } from '#base/hex.ts'
import { openSigningRecord } from '#chain/node/consensus/signing-record.ts'
import { openLevelStore } from '#store/level.ts'

// Begins at the first view each time and signs a new block in each, printing what leaves; to be killed.
const record = await openSigningRecord(await openLevelStore(process.argv[2] ?? ''))
for (let view = 0; ; view += 1) {
  const block = toHex(randomBytes(32))
  for (const kind of ['propose', 'notarize', 'finalize'] as const) {
    const outcome = await record.sign({ kind, view, block }, () => toHex(randomBytes(96)))
    if (outcome.kind === 'signed') process.stdout.write(`${kind} ${view} ${block}\n`)
  }
}
