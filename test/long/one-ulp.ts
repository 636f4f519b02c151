import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createPublicClient, http, parseEventLogs } from 'viem'
import { createRng } from '#base/rng.ts'
import { networkSchema } from '#cli/network-file.ts'
import { createGraphWriter, encodeModel } from '#compute/export/onnx-writer.ts'
import { rowsCsv } from '#test/e2e/rows.ts'
import { type LocalWorld, startWorld, summaryOf } from '#test/e2e/local-world.ts'
import { disputeGameAbi } from '#wire/abi/disputeGame.ts'
import { jobManagerAbi } from '#wire/abi/jobManager.ts'
import { systemAddresses } from '#wire/addresses.ts'

const liar = 2
const sides = [2, 1000, 1000, 3] as const
const secondsMax = 60
const gasMax = 2_000_000n
const leafGasMax = 500_000n
const decidedMs = 900_000

/**
 * A worker of a model of a million parameters changes the last bit of one weight after each step; on four validators
 * an evaluator disputes it. From the challenge to the slash at most a minute of the chain and 2,000,000 gas.
 */
export async function run(seed: number): Promise<Readonly<Record<string, number>>> {
  const flags = ['--validators', '4', '--workers', '2', '--evaluators', '3']
  const world = await startWorld([...flags, '--misbehave', `${liar}:ulp`])
  try {
    const at = (name: string) => join(world.dataDir, name)
    writeFileSync(at('rows.csv'), rowsCsv({ rows: 200, seed }))
    writeFileSync(at('wide.onnx'), perceptron(seed))
    const posted = await world.post(
      [at('rows.csv')],
      ['--model', at('wide.onnx'), '--workers', '2', '--run-seconds', '900'],
    )
    if (posted.exitCode !== 0) throw new Error(posted.err)
    const { phase, workers } = summaryOf(posted)
    if (phase !== 'settled') throw new Error(`the job ended ${phase}`)
    if (!workers.some(({ slashedWei }) => slashedWei > 0n)) throw new Error('nobody was slashed')
    return await figuresOf(world)
  } finally {
    await world.stop()
  }
}

/** A perceptron as an ONNX file: 2 x 1000 + 1000 x 1000 + 1000 x 3 weights and their biases. */
function perceptron(seed: number): Uint8Array {
  const graph = createGraphWriter()
  const rng = createRng(seed)
  let x = 'input'
  for (const [layer, width] of sides.slice(1).entries()) {
    const inputs = sides[layer] ?? 0
    const filled = (part: string, shape: readonly number[], scale: number) => {
      const size = shape.reduce((product, side) => product * side, 1)
      const values = Float32Array.from({ length: size }, () => scale * (rng.below(2001) / 1000 - 1))
      return graph.floats(`${part}.${layer}`, shape, values)
    }
    const weights = filled('weight', [width, inputs], Math.sqrt(6 / inputs))
    const isLast = layer === sides.length - 2
    x = graph.node('Gemm', [x, weights, filled('bias', [width], 0)], {
      ...(isLast ? { output: 'logits' } : {}),
      attributes: { transB: 1 },
    })
    if (!isLast) x = graph.node('Relu', [x])
  }
  return encodeModel(graph, {
    inputs: [{ name: 'input', type: 'f32', shape: ['batch', sides[0]] }],
    outputs: [{ name: 'logits', type: 'f32', shape: ['batch', sides.at(-1) ?? 0] }],
  })
}

async function figuresOf({ dataDir }: LocalWorld): Promise<Readonly<Record<string, number>>> {
  const text = readFileSync(join(dataDir, 'network.json'), 'utf8')
  const { rpcUrl } = networkSchema.parse(JSON.parse(text))
  const rpc = createPublicClient({ transport: http(rpcUrl, { timeout: 60_000 }) })
  const range = { fromBlock: 0n, toBlock: 'finalized' } as const
  const untilMs = Date.now() + decidedMs
  for (;;) {
    const address = systemAddresses.DisputeGame
    const logs = await rpc.getLogs({ address, ...range }).catch(() => []) // a busy machine answers late
    const events = parseEventLogs({ abi: disputeGameAbi, logs })
    const end = events.find(({ eventName }) => eventName === 'Decided')
    if (end?.eventName === 'Decided') {
      const { id } = end.args
      const own = events.filter(({ args }) => 'id' in args && args.id === id)
      const begin = own[0]
      if (!begin) throw new Error('a decision without a dispute')
      return judge(rpc, { own, begin, end })
    }
    if (Date.now() > untilMs) throw new Error(`undecided after ${events.length} events`)
    await new Promise((resolve) => setTimeout(resolve, 1000))
  }

  async function judge(
    client: typeof rpc,
    dispute: {
      own: readonly { readonly transactionHash: `0x${string}` }[]
      begin: { readonly blockNumber: bigint }
      end: { readonly blockNumber: bigint }
    },
  ): Promise<Readonly<Record<string, number>>> {
    const secondsAt = async (blockNumber: bigint) =>
      Number((await client.getBlock({ blockNumber })).timestamp)
    const seconds =
      (await secondsAt(dispute.end.blockNumber)) - (await secondsAt(dispute.begin.blockNumber))
    const hashes = [...new Set(dispute.own.map(({ transactionHash }) => transactionHash))]
    const receipts = await Promise.all(hashes.map((hash) => client.getTransactionReceipt({ hash })))
    const gas = receipts.reduce((sum, { gasUsed }) => sum + gasUsed, 0n)
    const leafGas = receipts.reduce((most, { gasUsed }) => (gasUsed > most ? gasUsed : most), 0n)
    const slashes = parseEventLogs({
      abi: jobManagerAbi,
      eventName: 'WorkersSlashed',
      logs: await client.getLogs({ address: systemAddresses.JobManager, ...range }),
    })
    const figures = {
      seconds,
      blocks: Number(dispute.end.blockNumber - dispute.begin.blockNumber),
      transactions: hashes.length,
      gas: Number(gas),
      leafGas: Number(leafGas),
      slashes: slashes.length,
    }
    const isMet = seconds <= secondsMax && gas <= gasMax && leafGas <= leafGasMax
    if (!isMet || slashes.length === 0) throw new Error(JSON.stringify(figures))
    return figures
  }
}
