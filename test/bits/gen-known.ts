/**
 * `node test/bits/gen-known.ts`: writes known-answers.json anew with the engine as it is. Only for a change of
 * the numerics or of the commitments that is meant; say which in SPEC.md and in the changelog.
 */
import { writeFileSync } from 'node:fs'
import { readKernels } from '#compute/train/session.ts'
import {
  type Answer,
  type KnownName,
  answerOf,
  knownSpecs,
} from '#test/unit/compute/known-answer.ts'
import { knownFile, knownSteps } from './known.ts'

const wasm = await readKernels()
const answers: Record<string, Record<number, Answer>> = {}
for (const name of Object.keys(knownSpecs) as KnownName[]) {
  const found: Record<number, Answer> = {}
  for (const steps of knownSteps) found[steps] = await answerOf(name, wasm, { steps })
  answers[name] = found
}
writeFileSync(knownFile, `${JSON.stringify(answers, undefined, 2)}\n`)
