/** A parent that starts a long training and waits to be killed: `runner-parent.ts <directory>`. */
import { join } from 'node:path'
import { createRunner } from '#compute/runner-process.ts'
import { mlpSpec, seed, segmentSeed } from './fixtures.ts'

const directory = process.argv[2] as string
const runner = createRunner()
await runner.open({ spec: mlpSpec, trainFile: join(directory, 'rows'), threads: 2 })
const initial = join(directory, 'orphan')
await runner.initialState({ seed, to: initial })
await runner.train(
  {
    from: initial,
    to: initial,
    segmentSeed,
    firstBatch: 0,
    steps: 10_000_000,
    shard: { index: 0, count: 1 },
  },
  { onStep: (step) => step === 3 && console.log('training') },
)
