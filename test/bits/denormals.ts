/** Prints what the engine's self-test of denormal numbers says in this process, with this many threads. */
import { codeOf } from '#base/error.ts'
import { createEngine } from '#compute/exact/engine.ts'
import { createThreadTeam } from '#compute/exact/thread-team.ts'
import { readKernels } from '#compute/train/session.ts'
import { knownSpecs } from '#test/unit/compute/known-answer.ts'

const threads = Number(process.argv[2])
const engine = await createEngine(knownSpecs.mlp, await readKernels(), {
  threads,
  createTeam: createThreadTeam,
})
try {
  engine.checkDenormals()
  console.log('kept')
} catch (error) {
  console.log(codeOf(error))
}
await engine.close()
