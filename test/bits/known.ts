import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Answer, KnownName } from '#test/unit/compute/known-answer.ts'

export const knownFile = fileURLToPath(new URL('./known-answers.json', import.meta.url))

/** After how many steps answers are known: the short run is for slow machines. */
export const knownSteps = [20, 200] as const

export type KnownAnswers = Readonly<
  Record<KnownName, Readonly<Record<(typeof knownSteps)[number], Answer>>>
>

/** The committed answers of the models of `knownSpecs`. */
export const knownAnswers = JSON.parse(readFileSync(knownFile, 'utf8')) as KnownAnswers
