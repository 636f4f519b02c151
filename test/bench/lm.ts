/**
 * `npm run bench:lm -- [--tokens <n>] [--threads <n>] [--seed <n>] [--file <text>] [--no-peer] [--json]`: trains a
 * transformer of 10.7 million parameters on tiny Shakespeare (QUERN_TEST_DATA/text/tinyshakespeare.txt) in the exact
 * engine, the same graph in onnxruntime-node, and holds both against a bigram model. Snapshots lie in
 * node_modules/.cache/quern-bench/lm: a run that was stopped goes on where it was. The last line is, with `--json`,
 * one object.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { engineIdOf } from '#compute/exact/kernels.ts'
import type { Runner } from '#compute/runner.ts'
import { readKernels } from '#compute/train/session.ts'
import { byteOf, tokensOfBytes } from '#wire/vocabulary.ts'
import { bigramLoss } from './lm/bigram.ts'
import { flagsOf } from '#scripts/flags.ts'
import { type LmOptions, type LmResult, trainExact, trainPeer } from './lm/engines.ts'
import { type LmTask, prepareTask, tokensPerStep } from './lm/task.ts'
import { installPeer } from './peers/install.ts'

const tokensWhole = 1_048_576
const values = flagsOf({
  allowNegative: true,
  options: {
    tokens: { type: 'string', default: String(tokensWhole) },
    threads: { type: 'string', default: '2' },
    seed: { type: 'string', default: '1' },
    file: { type: 'string' },
    peer: { type: 'boolean', default: true },
    json: { type: 'boolean', default: false },
  },
})

const log = (line: string) => process.stderr.write(`${line}\n`)
const root = fileURLToPath(new URL('../..', import.meta.url))
const file = values.file ?? join(process.env['QUERN_TEST_DATA'] ?? '', 'text/tinyshakespeare.txt')
if (!existsSync(file)) {
  log(`${file} is not there; set QUERN_TEST_DATA or give --file`)
  process.exit(2)
}

const tokens = Number(values.tokens)
const seed = Number(values.seed)
const task = await prepareTask(file, {
  tokens,
  seed,
  cache: join(root, 'node_modules', '.cache', 'quern-bench', 'lm'),
  engineId: engineIdOf(await readKernels()),
})
const options: LmOptions = {
  threads: Number(values.threads),
  seed: `0x${seed.toString(16).padStart(64, '0')}`,
  onSteps: (engine, { step, loss, seconds }) => {
    log(
      `${engine}: step ${step} of ${task.steps}, loss ${loss.toFixed(4)}, ${seconds.toFixed(0)} s`,
    )
  },
}
const bigram = bigramLoss(task.train, task.heldOut, task.spec.outputs)
log(`bigram: held-out loss ${bigram.toFixed(4)}; snapshots in ${task.folder}`)
const ours = await trainExact(task, options)
const { text, tokensPerSecond } = await write(ours.runner, ours.state)
await ours.runner.close()
const peer = values.peer ? await comparePeer(task) : undefined
report()

async function comparePeer(wanted: LmTask): Promise<LmResult | undefined> {
  const { folder, reason } = installPeer('onnxruntime-node')
  if (reason === undefined) return trainPeer(wanted, { ...options, folder })
  log(`onnxruntime-node: ${reason}`)
  return undefined
}

/** What the trained model writes, and how fast. */
async function write(runner: Runner, model: string) {
  const prompt = tokensOfBytes(new TextEncoder().encode('First Citizen:\n'))
  const tokensMax = 1024
  const sampling = { temperature: 0.8, topK: 40, topP: 0.95, seed }
  let firstMs = 0
  let lastMs = 0
  const onToken = () => {
    lastMs = performance.now()
    firstMs ||= lastMs
  }
  const found = await runner.generate({ model, prompt, tokensMax, ...sampling }, { onToken })
  const bytes = [...prompt, ...found].map(byteOf).filter((byte) => byte !== undefined)
  const written = new TextDecoder().decode(Uint8Array.from(bytes))
  return { text: written, tokensPerSecond: (1000 * (found.length - 1)) / (lastMs - firstMs) }
}

function report(): void {
  const rows = [
    { name: 'exact', threads: options.threads, ...figuresOf(ours) },
    ...(peer ? [{ name: 'onnxruntime-node', threads: options.threads, ...figuresOf(peer) }] : []),
    { name: 'bigram', loss: bigram },
  ]
  const ratios: Record<string, number> = {
    ...(peer && { lossAgainstPeer: Math.abs(ours.loss / peer.loss - 1) }),
    lossAgainstBigram: ours.loss / bigram,
  }
  const goals: Record<string, number> = { lossAgainstPeer: 0.01, lossAgainstBigram: 1 }
  const measured = Object.keys(goals).filter((name) => ratios[name] !== undefined)
  const met = measured.filter((name) => (ratios[name] as number) < (goals[name] as number))
  const missed = measured.filter((name) => !met.includes(name))
  console.log(text)
  console.log('')
  console.log(`${task.steps * tokensPerStep} tokens, context 128, seed ${seed}`)
  for (const { name, loss, ...rest } of rows) {
    const pace = 'tokensPerSecond' in rest ? rest.tokensPerSecond : null
    const speed = pace === null ? '' : `, ${pace.toFixed(0)} tokens/s`
    console.log(`${name.padEnd(17)} held-out loss ${loss.toFixed(4)}${speed}`)
  }
  console.log(`generation        1024 tokens at ${tokensPerSecond.toFixed(0)} tokens/s, one thread`)
  for (const name of measured) {
    const verdict = met.includes(name) ? 'met' : 'missed'
    console.log(
      `${verdict.padEnd(17)} ${name} ${ratios[name]?.toFixed(4)} (goal below ${goals[name]})`,
    )
  }
  const isWhole = task.steps * tokensPerStep === tokensWhole
  const generation = { tokens: 1024, tokensPerSecond }
  const object = {
    rows,
    ratios,
    goals,
    met,
    missed,
    tokens,
    seed,
    isWhole,
    generation,
    sample: text,
  }
  if (values.json) console.log(JSON.stringify(object))
}

function figuresOf({ loss, trainLoss, tokensPerSecond: pace }: LmResult) {
  return { loss, trainLoss, tokensPerSecond: pace }
}
