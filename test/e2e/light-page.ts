import { createNobleScheme } from '#base/crypto/bls/noble.ts'
import { codeOf } from '#base/error.ts'
import { type Checkpoint, createLightClient } from '#chain/client/light/client.ts'
import { createHttpRpc } from '#chain/client/light/http.ts'
import { proveJob } from '#chain/client/light/job.ts'
import type { Hex } from '#wire/primitives.ts'

/** What a page does with the light client; bundled into one module and run in a browser. */
async function prove(
  rpcUrl: string,
  checkpoint: Checkpoint,
  job: { view: Parameters<typeof proveJob>[1]; jobManager: Hex },
) {
  const parts = { rpc: createHttpRpc(rpcUrl), scheme: createNobleScheme() }
  try {
    const light = createLightClient(parts, checkpoint)
    const { status, agreedCount, head } = await proveJob(light, job.view, job.jobManager)
    return { status, agreedCount, number: head.header.number }
  } catch (error) {
    return { code: codeOf(error) ?? String(error) }
  }
}

Object.assign(globalThis, { prove })
