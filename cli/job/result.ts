import type { Command } from 'commander'
import { AppError } from '#base/error.ts'
import { collectFiles, parseModel } from '#compute/export/model.ts'
import { cidOfDigest, codecs } from '#wire/cid.ts'
import type { Context } from '../context.ts'
import { withStation } from './client-session.ts'
import { writeModel } from '../write-model.ts'
import { jobIdOfText, viewOf } from './find.ts'

/** `quern job result`: fetches the model directory by its CID, checks its hash, and writes it. */
export async function fetchResult(
  context: Context,
  command: Command,
  wanted: { jobId: string; directory: string; tfjs?: boolean },
): Promise<void> {
  await withStation(context, command, async ({ feed, artifacts }) => {
    const jobId = jobIdOfText(wanted.jobId)
    const view = viewOf(feed, jobId)
    const { modelCidDigest, verdict, phase } = view
    if (modelCidDigest === undefined) {
      const message = `the job is ${phase} and has no accepted model`
      throw new AppError({ code: 'MODEL_NONE', jobId, phase, message })
    }
    const modelCid = cidOfDigest(modelCidDigest, codecs.dagPb)
    const signal = context.stopping
    const files = await collectFiles((name) => artifacts.get(`${modelCid}/${name}`, { signal }))
    const model = parseModel(files)
    const { modelHash, manifest } = model
    if (verdict !== undefined && modelHash !== verdict.modelHash) {
      const message = 'the directory behind the CID is not the accepted model'
      throw new AppError({ code: 'MODEL_DIFFERS', modelCid, modelHash, message })
    }
    writeModel(wanted.directory, { ...model, files }, wanted)
    const input = manifest.task === 'language-model' ? '--prompt "…"' : '<file>'
    const text = `${wanted.directory}  ${modelHash}\npredict with  npm run -s quern -- predict ${wanted.directory} ${input}`
    const { directory } = wanted
    context.output.print({ event: 'result', jobId, modelCid, modelHash, directory }, text)
  })
}
