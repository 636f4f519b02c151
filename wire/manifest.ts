import { z } from 'zod'
import { preprocessingSchema } from './preprocessing.ts'
import { cid, count, hash32 } from './primitives.ts'
import { taskSchema } from './task.ts'
import { trainSpecSchema } from './spec.ts'

const fieldsSchema = z.strictObject({
  version: z.literal(1),
  name: z.string().max(200),
  task: taskSchema,
  metric: z.enum(['accuracy', 'r2']),
  train: trainSpecSchema,
  preprocessing: preprocessingSchema,
  engineId: hash32,
  /** Of the split and row order, and of the initial parameters where they come from one. */
  seeds: z.strictObject({ split: count, initial: hash32.optional() }),
  /** Merkle root of the initial parameters where they come from a file instead. */
  initialRoot: hash32.optional(),
  /** Merkle root of the flat parameters, binary32 little-endian. */
  modelRoot: hash32,
  /** Where the other two files are, for those who hold the manifest alone. */
  cids: z.strictObject({ graph: cid, weights: cid }).optional(),
})
/**
 * manifest.json of a model directory: what the model is, and all that is needed to train it again.
 * modelHash = SHA256(modelRoot | SHA256(canonical manifest without `cids`)).
 */
export const manifestSchema = fieldsSchema.refine(
  ({ seeds, initialRoot }) => (seeds.initial === undefined) !== (initialRoot === undefined),
  { path: ['seeds', 'initial'], message: 'the training began from a seed or from weights' },
)
export type Manifest = z.infer<typeof manifestSchema>
