import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createRng } from '#base/rng.ts'
import { createArtifacts } from '#p2p/artifacts.ts'
import { createNetwork } from '#p2p/node.ts'
import { realClock } from '#cli/real-clock.ts'

/**
 * Moves one artifact between two processes, verified, through the pull protocol and through bitswap:
 * `node test/bench/pull.ts [MB]`. One line of JSON for each.
 */
const sizeBytes = Number(process.argv[2] ?? 100) * 1_000_000

async function openNode(directory: string) {
  const network = await createNetwork({ clock: realClock, rng: createRng(1) })
  const artifacts = createArtifacts(network, { directory })
  await network.start()
  await artifacts.start()
  return { network, artifacts }
}

async function serve(directory: string): Promise<void> {
  const { network, artifacts } = await openNode(directory)
  const bytes = new Uint8Array(sizeBytes)
  for (let offset = 0; offset < sizeBytes; offset += 65_536) {
    crypto.getRandomValues(bytes.subarray(offset, offset + 65_536))
  }
  const cid = await artifacts.add(bytes)
  process.send?.({ cid, address: network.addresses[0] })
  process.on('message', (message) => {
    if (message === 'bitswap only') {
      void network.libp2p.unhandle('/quern/block/1').then(() => process.send?.('done'))
    }
  })
  await once(process, 'disconnect')
  await artifacts.stop()
  await network.stop()
}

async function measure(way: string, directory: string, source: { cid: string; address: string }) {
  const { network, artifacts } = await openNode(directory)
  const provider = await network.dial(source.address)
  let peakBytes = 0
  const watch = setInterval(() => (peakBytes = Math.max(peakBytes, process.memoryUsage().rss)), 50)
  const cpu = process.cpuUsage()
  const began = performance.now()
  await artifacts.list(source.cid, { providers: [provider] }).catch(() => undefined)
  const firstByteMs = performance.now() - began
  await artifacts.getFile(source.cid, join(directory, 'out'), { providers: [provider] })
  const wallMs = performance.now() - began
  clearInterval(watch)
  const used = process.cpuUsage(cpu)
  console.log(
    JSON.stringify({
      way,
      sizeMb: sizeBytes / 1e6,
      mbPerS: Math.round(sizeBytes / 1e3 / wallMs),
      firstByteMs: Math.round(firstByteMs),
      receiverCpuMs: Math.round((used.user + used.system) / 1e3),
      peakRssMb: Math.round(peakBytes / 1e6),
    }),
  )
  await artifacts.stop()
  await network.stop()
}

if (process.send !== undefined) {
  await serve(process.argv[3] as string)
} else {
  const directory = await mkdtemp(join(tmpdir(), 'quern-bench-'))
  const child = fork(import.meta.filename, [String(sizeBytes / 1e6), join(directory, 'source')])
  const [source] = (await once(child, 'message')) as [{ cid: string; address: string }]
  await measure('pull', join(directory, 'pull'), source)
  child.send('bitswap only')
  await once(child, 'message')
  await measure('bitswap', join(directory, 'bitswap'), source)
  child.disconnect()
  await once(child, 'exit')
  await rm(directory, { recursive: true })
}
