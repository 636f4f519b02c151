import type { Clock } from '#base/clock.ts'
import { codeOf } from '#base/error.ts'
import {
  type BuiltModel,
  buildModel,
  collectFiles,
  listFiles,
  modelFileNames,
  parseModel,
} from '#compute/export/model.ts'
import { decodeSafetensors, takeTensor } from '#compute/export/safetensors.ts'
import { partRootOf } from '#compute/train/commit.ts'
import type { Artifacts } from '#p2p/network.ts'
import { cidOfDigest, codecs, digestOfCid } from '#wire/cid.ts'
import type { JobSpec } from '#wire/job.ts'
import type { Hex } from '#wire/primitives.ts'
import { persist } from './fetch.ts'

const manifestBytesMax = 1_048_576
const weightBytes = 4
/** Headers and graph around the weights; the graph holds them a second time. */
const overheadBytes = 16_777_216

/** What the last state's parameters must make. */
export interface WantedModel {
  readonly job: JobSpec
  readonly initialSeed: Hex
  readonly modelRoot: Hex
  readonly parameterCount: number
}

/** A model whose directory this evaluator has built itself and holds. */
export interface HeldModel extends BuiltModel {
  readonly cid: string
  readonly cidDigest: Hex
}

/** The parameters in a model directory on the network; `wrong` when they are others, `late` when not served. */
export async function fetchParameters(
  deps: { artifacts: Pick<Artifacts, 'get'>; clock: Clock },
  cidDigest: Hex,
  options: { wanted: WantedModel; closing: AbortSignal },
): Promise<Float32Array | 'wrong' | 'late'> {
  const { wanted, closing } = options
  const cid = cidOfDigest(cidDigest, codecs.dagPb)
  const sizeBytesMax = wanted.parameterCount * weightBytes + overheadBytes
  const files = await persist(deps.clock, closing, async (bounds) => {
    const sizeOf = (name: string) =>
      name === modelFileNames.manifest ? manifestBytesMax : sizeBytesMax
    const get = (name: string) =>
      deps.artifacts.get(`${cid}/${name}`, { sizeBytesMax: sizeOf(name), ...bounds })
    return collectFiles(get)
  })
  if (files === 'wrong' || files === 'late') return files
  try {
    const { parameters } = parseModel(files)
    return partRootOf(parameters) === wanted.modelRoot ? parameters : 'wrong'
  } catch (error) {
    if (codeOf(error) === undefined) throw error
    return 'wrong'
  }
}

/** The parameters of a state file. */
export function parametersOfState(bytes: Uint8Array): Float32Array {
  return takeTensor(decodeSafetensors(bytes), 'p', 'F32').values
}

/** Builds the model's directory and holds it for `owner`: every honest worker's directory has this CID. */
export async function holdModel(
  artifacts: Pick<Artifacts, 'addDirectory'>,
  wanted: Pick<WantedModel, 'job' | 'initialSeed'>,
  options: { parameters: Float32Array; owner: string },
): Promise<HeldModel> {
  const { parameters, owner } = options
  const { job, initialSeed } = wanted
  const built = buildModel({ job, initialSeed, parameters })
  const cid = await artifacts.addDirectory(listFiles(built.files), { owner })
  return { ...built, cid, cidDigest: digestOfCid(cid) }
}
